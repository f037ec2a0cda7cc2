import type { Answer } from '../../api/client';
import { fetchRange, type Labels } from '../../api/query';
import { lasting } from '../../format/duration';
import { labelsId } from '../../format/labels';
import { matchersOf, matcherText } from '../../format/matchers';
import { plural } from '../../format/number';
import { aligned, stepFor } from '../../format/steps';
import { day, stamp } from '../../format/time';
import { Loadable } from '../../parts/Loadable';
import { severityState } from '../../parts/StateBadge';
import { serverNow } from '../../state/clock';
import { useQuery } from '../../state/useQuery';
import { type Firings, firingQuery, firingsOf, onStrip, type Stretch } from './firings';

const DAYS = 7;
const POINTS = 340;

type Past = { firings: Firings | null; range: { start: number; end: number } };

/** When this alert fired in the last days, and how long in all. */
export function HistoryStrip({ labels, interval }: { labels: Labels; interval: number }) {
  const id = labelsId(labels);
  const { remote, again } = useQuery(
    id,
    '',
    (abort) => fetchPast(labels, interval, serverNow(), abort),
    // A week changes little in the five seconds of a refresh.
    { live: false },
  );
  return (
    <Loadable
      remote={remote}
      again={again}
      what="what it did before"
      skeleton={<div class="chart-skeleton strip-skeleton" />}
    >
      {({ firings, range }) => (
        <figure class="history-strip">
          <Strip
            stretches={firings?.stretches ?? []}
            range={range}
            state={severityState(labels.severity)}
          />
          <figcaption class="small dim">
            <span>{day(range.start * 1000)}</span>
            <span>{pastText(firings)}</span>
            <span>now</span>
          </figcaption>
        </figure>
      )}
    </Loadable>
  );
}

function pastText(firings: Firings | null): string {
  if (firings === null) return `Never fired in the last ${DAYS} days`;
  const times = plural(firings.stretches.length, 'time');
  return `Fired ${times} in the last ${DAYS} days, ${lasting(firings.seconds * 1000)} in all`;
}

async function fetchPast(
  labels: Labels,
  interval: number,
  nowMs: number,
  abort: AbortSignal,
): Promise<Answer<Past>> {
  const seconds = DAYS * 86_400;
  const range = aligned(nowMs - seconds * 1000, nowMs, stepFor(seconds, POINTS, interval));
  // The grid ends before now: one point more, or what began just now is left out.
  range.end += range.step;
  const own = matchersOf(labels).map(matcherText).join(',');
  const { data, notes } = await fetchRange(firingQuery(range.step, `,${own}`), range, abort);
  const firings = firingsOf(data.result, range, () => interval)[0] ?? null;
  return { data: { firings, range: { start: range.start, end: nowMs / 1000 } }, notes };
}

/** Stretches of time as marks on a bar. */
export function Strip({
  stretches,
  range,
  state,
}: {
  stretches: Stretch[];
  range: { start: number; end: number };
  state: string;
}) {
  return (
    <svg
      class={`strip ${state}`}
      viewBox="0 0 100 10"
      preserveAspectRatio="none"
      role="img"
      aria-label={stripText(stretches)}
    >
      {stretches.map((stretch) => {
        const { x, width } = onStrip(stretch, range);
        return <rect key={stretch.from} x={x} width={width} y="0" height="10" />;
      })}
    </svg>
  );
}

function stripText(stretches: Stretch[]): string {
  const last = stretches.at(-1);
  if (last === undefined) return 'Did not fire';
  return `Fired ${plural(stretches.length, 'time')}, last at ${stamp(last.to * 1000)}`;
}
