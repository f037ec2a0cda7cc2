import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { lasting } from '../../format/duration';
import { aligned, stepFor } from '../../format/steps';
import { clock } from '../../format/time';
import { speakText } from '../../format/units';
import { Loadable } from '../../parts/Loadable';
import { severityState } from '../../parts/StateBadge';
import { type Cursor, TimeChart } from '../../parts/TimeChart';
import { serverNow } from '../../state/clock';
import { useQuery } from '../../state/useQuery';
import { labelsOf, type Raised, unitOf } from './alertList';
import { type AlertSeries, fetchAlertSeries } from './alertSeries';

const HEIGHT = 150;
const CHART_PX = 600;
const DAY_MS = 86_400_000;
// Shorter, and one sees a line without what was before it.
const BEFORE_MIN_MS = 10 * 60_000;

/** From some time before it began until now; of an old alert the last day. */
export function chartRange(sinceMs: number | null, nowMs: number): [number, number] {
  const lasted = nowMs - (sinceMs ?? nowMs);
  const length = Math.min(DAY_MS, lasted + Math.max(BEFORE_MIN_MS, lasted / 2));
  return [nowMs - length, nowMs];
}

/** The rule's number with its limit, and the moment at which the alert began. */
export function AlertChart({ raised }: { raised: Raised }) {
  const { rule, sinceMs, id } = raised;
  const [startMs, endMs] = chartRange(sinceMs, serverNow());
  const question = aligned(startMs, endMs, stepFor((endMs - startMs) / 1000, CHART_PX, 5));
  const { remote, again } = useQuery(id, '', (abort) =>
    fetchAlertSeries(rule.query, labelsOf(raised), question, abort),
  );
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the chart of this rule"
      skeleton={<div class="chart-skeleton" style={{ height: `${HEIGHT}px` }} />}
    >
      {(series) => <Drawn raised={raised} series={series} />}
    </Loadable>
  );
}

/** What the chart draws, as values that change only with what they are made of. */
function useDrawn({ rule, alert, sinceMs, doing }: Raised, { chart, lines, range }: AlertSeries) {
  const severity = severityState(alert.labels.severity);
  const unit = unitOf(alert) ?? 'short';
  const { limit, compares } = chart;
  const drawn = useMemo(
    () =>
      lines.map(({ name, values, isLimit }, i) => ({
        name,
        values,
        colour: isLimit ? `--${severity === 'unknown' ? 'text-3' : severity}` : `--series-${i % 8}`,
      })),
    [lines, severity],
  );
  const thresholds = useMemo(() => {
    if (limit === null) return [];
    return [{ value: limit, severity, name: `limit ${compares} ${speakText(limit, unit)}` }];
  }, [limit, compares, severity, unit]);
  const since = (sinceMs ?? 0) / 1000;
  const spans = useMemo(() => {
    const colour = severity === 'critical' ? '--critical' : '--warning';
    return doing === 'pending' ? [] : [{ from: since + rule.duration, to: range.end, colour }];
  }, [doing, since, rule.duration, range.end, severity]);
  const marks = useMemo(() => [since], [since]);
  return { unit, drawn, thresholds, spans, marks };
}

function Drawn({ raised, series }: { raised: Raised; series: AlertSeries }) {
  const { rule } = raised;
  const { times, lines, range } = series;
  const cursor = useSignal<Cursor>({ at: null, nearest: null, byKeys: false });
  const { unit, drawn, thresholds, spans, marks } = useDrawn(raised, series);
  if (lines.every(({ values }) => values.every((value) => value === null))) {
    return <p class="none small">The rule’s number has no samples in this time.</p>;
  }
  const { at, nearest } = cursor.value;
  const time = at === null ? undefined : times[at];
  const near = drawn[nearest ?? 0];
  return (
    <figure class="alert-chart">
      <div class="chart-box" role="img" aria-label={`${rule.name}: its number over time`}>
        <TimeChart
          times={times}
          series={drawn}
          unit={unit}
          stack={false}
          fromZero
          thresholds={thresholds}
          spans={spans}
          marks={marks}
          bounds={range}
          height={HEIGHT}
          onCursor={(next) => {
            cursor.value = next;
          }}
          onZoom={() => {}}
          onReset={() => {}}
        />
        {time !== undefined && near !== undefined && at !== null && (
          <p class="chart-tip" aria-hidden="true">
            <span class="num">{clock(time * 1000)}</span>
            <span class="swatch" style={{ background: `var(${near.colour})` }} />
            <strong class="num">{speakText(near.values[at], unit)}</strong>
          </p>
        )}
      </div>
      <figcaption class="small faint">
        {drawn.length > 1 &&
          drawn.map(({ name, colour }) => (
            <span key={name} class="line-name">
              <span class="swatch" style={{ background: `var(${colour})` }} /> {name}
            </span>
          ))}
        The last {lasting((range.end - range.start) * 1000)}. Dashed: it became true
        {rule.duration > 0 ? '; tinted: it fires.' : ' and fires since.'}
      </figcaption>
    </figure>
  );
}
