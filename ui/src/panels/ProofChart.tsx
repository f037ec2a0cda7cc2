import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Answer } from '../api/client';
import { fetchRange } from '../api/query';
import type { Threshold } from '../api/service';
import { legendText } from '../format/labels';
import { aligned, stepFor } from '../format/steps';
import { clock } from '../format/time';
import { speakText } from '../format/units';
import type { Band } from '../parts/chartMarks';
import { Loadable } from '../parts/Loadable';
import { type Cursor, TimeChart } from '../parts/TimeChart';
import { serverNow } from '../state/clock';
import { useQuery } from '../state/useQuery';
import { usualBand } from './usualBand';
import { gridOf, onGrid } from './panelData';
import '../style/proof.css';

const HEIGHT = 132;
const CHART_PX = 480;
const DAY_MS = 86_400_000;
const BEFORE_MIN_MS = 20 * 60_000;
const LINES_MAX = 12;

/** What is to be proved: a query, when it turned, and what it is compared with. */
export type Proof = {
  /** In words, for those who do not see the chart. */
  title: string;
  query: string;
  unit: string;
  onsetMs: number | null;
  endMs: number | null;
  usual: number | null;
  limit: number | null;
  severity: string;
};

type Lines = {
  times: number[];
  lines: { name: string; values: (number | null)[] }[];
  range: { start: number; end: number };
};

/** From well before the onset, to see what was usual, until some time after it was over. */
export function proofRange(
  onsetMs: number | null,
  endMs: number | null,
  nowMs: number,
): [number, number] {
  const to = endMs ?? nowMs;
  const lasted = Math.max(0, to - (onsetMs ?? to));
  const before = Math.max(BEFORE_MIN_MS, Math.min(lasted, DAY_MS / 4));
  const after = endMs === null ? 0 : Math.max(BEFORE_MIN_MS / 4, Math.min(lasted / 3, DAY_MS / 4));
  const end = Math.min(nowMs, to + after);
  return [Math.max((onsetMs ?? to) - before, end - DAY_MS * 2), end];
}

/** The chart of one number with its onset, its usual range and its limit. */
export function ProofChart({ proof, wide = false }: { proof: Proof; wide?: boolean }) {
  const { query, onsetMs, endMs } = proof;
  const [startMs, stopMs] = proofRange(onsetMs, endMs, serverNow());
  const pixels = wide ? CHART_PX * 2 : CHART_PX;
  const question = aligned(startMs, stopMs, stepFor((stopMs - startMs) / 1000, pixels, 5));
  const { remote, again } = useQuery(
    `${query} ${onsetMs}`,
    '',
    (abort) => fetchLines(query, question, abort),
    { live: endMs === null },
  );
  return (
    <Loadable
      remote={remote}
      again={again}
      what={`the chart of ${proof.title}`}
      skeleton={<div class="chart-skeleton" style={{ height: `${HEIGHT}px` }} />}
    >
      {(data) => <Drawn proof={proof} data={data} />}
    </Loadable>
  );
}

async function fetchLines(
  query: string,
  range: { start: number; end: number; step: number },
  abort: AbortSignal,
): Promise<Answer<Lines>> {
  const { data, notes } = await fetchRange(query, range, abort);
  const lines = data.result.slice(0, LINES_MAX).map(({ metric, values }) => ({
    name: legendText('', metric),
    values: onGrid(values ?? [], range),
  }));
  return {
    notes,
    data: { times: gridOf(range), lines, range: { start: range.start, end: range.end } },
  };
}

/** What the chart draws, as values that change only with what they are made of. */
function useDrawn(
  { unit, usual, limit, onsetMs, endMs, severity }: Proof,
  { times, lines, range }: Lines,
) {
  const series = useMemo(
    () => lines.map((line, i) => ({ ...line, colour: `--series-${i % 8}` })),
    [lines],
  );
  const thresholds = useMemo(() => {
    const found: Threshold[] = [];
    if (usual !== null) {
      const name = `usually ${speakText(usual, unit)}`;
      found.push({ value: usual, severity: 'info', name });
    }
    if (limit !== null) {
      found.push({ value: limit, severity, name: `limit ${speakText(limit, unit)}` });
    }
    return found;
  }, [usual, limit, unit, severity]);
  const onset = onsetMs === null ? null : onsetMs / 1000;
  const band = useMemo<Band | null>(
    () => (lines.length === 1 ? usualBand(times, lines[0]?.values ?? [], onset) : null),
    [lines, times, onset],
  );
  const spans = useMemo(() => {
    if (onset === null) return [];
    const colour = severity === 'critical' ? '--critical' : '--warning';
    return [{ from: onset, to: endMs === null ? range.end : endMs / 1000, colour }];
  }, [onset, endMs, range.end, severity]);
  const marks = useMemo(() => (onset === null ? [] : [onset]), [onset]);
  return { series, thresholds, band, spans, marks };
}

function Drawn({ proof, data }: { proof: Proof; data: Lines }) {
  const { unit, onsetMs, title } = proof;
  const { times, lines, range } = data;
  const cursor = useSignal<Cursor>({ at: null, nearest: null, byKeys: false });
  const { series, thresholds, band, spans, marks } = useDrawn(proof, data);
  if (lines.every(({ values }) => values.every((value) => value === null))) {
    return <p class="none small">No samples of this number are kept from that time.</p>;
  }
  const { at, nearest } = cursor.value;
  const time = at === null ? undefined : times[at];
  const near = series[nearest ?? 0];
  return (
    <figure class="proof">
      <div class="chart-box" role="img" aria-label={`${title}, over time`}>
        <TimeChart
          times={times}
          series={series}
          unit={unit}
          stack={false}
          fromZero
          thresholds={thresholds}
          spans={spans}
          marks={marks}
          band={band}
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
        {onsetMs !== null && <span>Dashed: it turned at {clock(onsetMs)}.</span>}
        {band !== null && (
          <span>
            Grey: before, 9 of 10 values were from {speakText(band.low, unit)} to{' '}
            {speakText(band.high, unit)}.
          </span>
        )}
      </figcaption>
    </figure>
  );
}
