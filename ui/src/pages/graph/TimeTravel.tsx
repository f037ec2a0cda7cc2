import { useSignal } from '@preact/signals';
import type { Incident } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { placeIn } from '../../diagnosis/lanes';
import { ago } from '../../format/duration';
import { clockShort, untilText } from '../../format/time';
import { serverNow } from '../../state/clock';
import { boundsOf } from '../../state/range';
import { range, setRange } from '../../state/url';

const DAY_MS = 86_400_000;
// The graph is written every 15 s: nearer than that there is nothing else to see.
const STEP_MS = 15_000;

/** The last 24 hours as a slider, with the incidents on it. It moves the end of the range. */
export function TimeTravel({ incidents }: { incidents: Incident[] }) {
  const nowMs = serverNow();
  const span = { startMs: nowMs - DAY_MS, endMs: nowMs };
  const { startMs, endMs } = boundsOf(range.value, nowMs);
  const live = range.value.kind === 'relative';
  const dragged = useSignal<number | null>(null);
  const shownMs = dragged.value ?? endMs;
  const go = (toMs: number) => {
    dragged.value = null;
    if (toMs >= nowMs - STEP_MS) setRange({ kind: 'relative', seconds: 900 });
    else setRange({ kind: 'absolute', fromMs: Math.round(toMs - (endMs - startMs)), toMs });
  };
  return (
    <div class="time-travel">
      <span class="small dim num">{clockShort(span.startMs)}</span>
      <div class="time-slider">
        {incidents.map((incident) => (
          <Mark key={incident.id} incident={incident} span={span} />
        ))}
        <input
          type="range"
          aria-label="The moment that the graph shows"
          aria-valuetext={`${untilText(shownMs, nowMs)}, ${ago(shownMs, nowMs)}`}
          min={Math.round(span.startMs)}
          max={Math.round(span.endMs)}
          step={STEP_MS}
          value={Math.round(Math.max(shownMs, span.startMs))}
          onInput={(event) => {
            dragged.value = Number(event.currentTarget.value);
          }}
          onChange={(event) => go(Number(event.currentTarget.value))}
        />
      </div>
      <output class="small num">
        {live && dragged.value === null ? 'now' : untilText(shownMs, nowMs)}
      </output>
    </div>
  );
}

function Mark({
  incident,
  span,
}: {
  incident: Incident;
  span: { startMs: number; endMs: number };
}) {
  const from = timeMs(incident.start);
  const to = timeMs(incident.end) ?? span.endMs;
  if (from === null || to < span.startMs) return null;
  const left = Math.max(0, placeIn(from, span));
  return (
    <span
      class={`time-mark ${incident.severity}`}
      title={`${clockShort(from)} ${incident.title}`}
      style={{
        left: `${left * 100}%`,
        width: `${Math.max(0.004, placeIn(to, span) - left) * 100}%`,
      }}
    />
  );
}
