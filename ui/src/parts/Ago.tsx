import { ago } from '../format/duration';
import { stamp } from '../format/time';
import { now } from '../state/clock';

/** `12 s ago`, with the absolute time on hover. Draws itself anew each second, and only itself. */
export function Ago({ ms }: { ms: number | null | undefined }) {
  if (ms === null || ms === undefined || ms <= 0) return <span class="faint">never</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={stamp(ms)}>
      {ago(ms, now.value)}
    </time>
  );
}
