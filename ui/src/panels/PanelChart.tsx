import { useSignal } from '@preact/signals';
import { useContext, useMemo } from 'preact/hooks';
import type { Panel } from '../api/service';
import { clock } from '../format/time';
import { speakText } from '../format/units';
import { beyondReach, type ChartSeries } from '../parts/chartData';
import type { Span } from '../parts/chartMarks';
import { SeriesTable } from '../parts/SeriesTable';
import { severityState } from '../parts/StateBadge';
import { type Cursor, TimeChart } from '../parts/TimeChart';
import { zoomIn, zoomOut } from '../state/url';
import { PageContext } from './pageContext';
import { type PanelData, ranked } from './panelData';

// Past a hundred lines nobody tells one from another, and drawing them takes most of a frame.
const SERIES_MAX = 100;
const HEIGHT = 164;
const HEIGHT_LARGE = 420;

/** A panel over time: chart, crosshair with the nearest line's value, legend. */
export function PanelChart({
  panel,
  data,
  large,
}: {
  panel: Panel;
  data: PanelData;
  large: boolean;
}) {
  const { colours, spans, changedMs } = useContext(PageContext);
  const cursor = useSignal<Cursor>({ at: null, nearest: null, byKeys: false });
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const { shown, of } = useMemo(() => ranked(data.series, SERIES_MAX), [data]);
  const lines = useMemo(() => {
    // A chart of one line needs no colour to tell lines apart: it has the first one.
    const single = shown.length === 1 && !panel.queries.some(({ legend }) => legend.includes('{{'));
    return shown.map(({ name, colourKey, values, isLimit }) => ({
      name,
      values,
      isLimit,
      colour: single ? '--series-0' : colours.of(colourKey),
    }));
  }, [shown, colours, panel.queries]);
  const drawn = useMemo(
    () =>
      beyondReach(
        lines.filter(({ name }) => chosen.value.size === 0 || chosen.value.has(name)),
        ({ isLimit }) => isLimit && panel.stack !== true,
      ),
    [lines, chosen.value, panel.stack],
  );
  const marks = useMemo(() => (changedMs === null ? [] : [changedMs / 1000]), [changedMs]);

  const pick = (name: string, add: boolean) => {
    const next = new Set(add ? chosen.value : []);
    if (add && next.has(name)) next.delete(name);
    else if (add || !chosen.value.has(name) || chosen.value.size > 1) next.add(name);
    chosen.value = next;
  };
  const { at, nearest, byKeys } = cursor.value;
  const time = at === null ? undefined : data.times[at];
  const near = nearest === null ? undefined : drawn[nearest];
  return (
    <>
      <div
        class="chart-box"
        role="img"
        aria-label={`${panel.title}: a chart. Press v for a table, the arrow keys to read it.`}
      >
        <TimeChart
          times={data.times}
          series={drawn}
          unit={panel.unit}
          stack={panel.stack === true}
          fromZero={panel.from_zero !== false}
          thresholds={panel.thresholds ?? []}
          spans={spansOf(spans, data.bounds.end)}
          marks={marks}
          bounds={data.bounds}
          height={large ? HEIGHT_LARGE : HEIGHT}
          onCursor={(next) => {
            cursor.value = next;
          }}
          onZoom={zoomIn}
          onReset={zoomOut}
        />
        {time !== undefined && near !== undefined && at !== null && (
          <p class="chart-tip" aria-hidden="true">
            <span class="num">{clock(time * 1000)}</span>
            <span class="swatch" style={{ background: `var(${near.colour})` }} />
            <span class="cut">{near.name}</span>
            <strong class="num">{speakText(near.values[at], panel.unit)}</strong>
          </p>
        )}
      </div>
      <p class="hidden" aria-live="polite">
        {byKeys && at !== null && time !== undefined && readOut(drawn, at, time, panel.unit)}
      </p>
      {of > shown.length && (
        <p class="small dim">
          Showing {shown.length} of {of} series, those that reach highest.
        </p>
      )}
      <SeriesTable
        series={lines}
        unit={panel.unit}
        at={at}
        atText={time === undefined ? 'last' : clock(time * 1000)}
        nearest={near?.name ?? null}
        isBeyond={(name) => drawn.some((one) => one.name === name && one.beyond === true)}
        isOff={(name) => chosen.value.size > 0 && !chosen.value.has(name)}
        onPick={pick}
      />
    </>
  );
}

// More than this nobody keeps in mind; the table has them all.
const READ_MAX = 5;

/** The values at the crosshair for those who hear them: `10:05:15. p50 3.4 ms, p95 877 ms`. */
function readOut(lines: ChartSeries[], at: number, time: number, unit: string): string {
  const valued = lines
    .filter(({ values }) => values[at] != null)
    .sort((a, b) => (b.values[at] ?? 0) - (a.values[at] ?? 0));
  const said = valued
    .slice(0, READ_MAX)
    .map(({ name, values }) => `${name} ${speakText(values[at], unit)}`);
  const more = valued.length > READ_MAX ? `, and ${valued.length - READ_MAX} lower` : '';
  return `${clock(time * 1000)}. ${said.length === 0 ? 'No value' : said.join(', ')}${more}`;
}

function spansOf(alerts: { active_at_ms: number; severity: string }[], end: number): Span[] {
  const first = alerts.reduce<(typeof alerts)[number] | null>(
    (oldest, alert) =>
      oldest === null || alert.active_at_ms < oldest.active_at_ms ? alert : oldest,
    null,
  );
  if (first === null) return [];
  const critical = alerts.some(({ severity }) => severityState(severity) === 'critical');
  const colour = critical ? '--critical' : '--warning';
  return [{ from: first.active_at_ms / 1000, to: end, colour }];
}
