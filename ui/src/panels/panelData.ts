import type { Answer } from '../api/client';
import { ApiError } from '../api/client';
import { fetchInstant, fetchRange, type Labels, type SamplePair } from '../api/query';
import type { Panel, PanelQuery } from '../api/service';
import { legendText } from '../format/labels';
import { largest } from '../parts/chartData';

/** The lines of one panel on one grid of times. */
export type PanelSeries = {
  name: string;
  /** What the colour hangs on: the name before it was made unique within its panel. */
  colourKey: string;
  labels: Labels;
  values: (number | null)[];
  /** Whether it is what the others may not exceed. */
  isLimit: boolean;
};

export type PanelData = {
  /** Unix seconds. */
  times: number[];
  series: PanelSeries[];
  bounds: { start: number; end: number };
};

type Range = { start: number; end: number; step: number };

/** Asks all queries of a panel. What fails is a note, unless everything fails. */
export async function fetchPanel(
  panel: Panel,
  range: Range,
  abort: AbortSignal,
): Promise<Answer<PanelData>> {
  const answers = await Promise.allSettled(
    panel.queries.map((query) => fetchLines(query, limits(query, panel.unit), range, abort)),
  );
  abort.throwIfAborted();
  const failed = answers.filter((answer) => answer.status === 'rejected');
  if (failed.length === answers.length && failed[0] !== undefined) throw failed[0].reason;

  const notes: string[] = [];
  const series: PanelSeries[] = [];
  answers.forEach((answer, i) => {
    if (answer.status === 'fulfilled') {
      series.push(...answer.value.data);
      notes.push(...answer.value.notes);
    } else {
      const { reason } = answer;
      const said = reason instanceof ApiError ? reason.message : String(reason);
      notes.push(`${panel.queries[i]?.legend || `Query ${i + 1}`} is missing: ${said}`);
    }
  });
  const { start, end } = range;
  return { data: { times: gridOf(range), series: unique(series), bounds: { start, end } }, notes };
}

/**
 * Whether a query draws a limit: its legend calls it one. Python processes use one core each, so
 * where cores are shown the workers are their limit.
 */
export function limits({ legend }: PanelQuery, unit: string): boolean {
  const words = legend.replaceAll(/\{\{.*?\}\}/g, '');
  return (
    /\b(limit|max|maximum|quota|capacity)\b/i.test(words) ||
    (unit === 'cores' && /\bworkers\b/i.test(words))
  );
}

async function fetchLines(
  query: PanelQuery,
  isLimit: boolean,
  range: Range,
  abort: AbortSignal,
): Promise<Answer<PanelSeries[]>> {
  const named = (labels: Labels) => {
    const name = legendText(query.legend, labels);
    return { name, colourKey: name, labels, isLimit };
  };
  if (query.instant) {
    const { data, notes } = await fetchInstant(query.expr, range.end, abort);
    const points: { metric: Labels; value?: SamplePair }[] =
      data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
    return {
      notes,
      data: points.map(({ metric, value }) => ({
        ...named(metric),
        values: [value === undefined ? null : toNumber(value[1])],
      })),
    };
  }
  const { data, notes } = await fetchRange(query.expr, range, abort);
  return {
    notes,
    data: data.result
      .map(({ metric, values }) => ({ ...named(metric), values: onGrid(values ?? [], range) }))
      .sort(byName),
  };
}

export function gridOf({ start, end, step }: Range): number[] {
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
}

/** Puts samples on the grid of the range. What has no sample, or no finite one, is a gap. */
export function onGrid(samples: SamplePair[], range: Range): (number | null)[] {
  const { start, end, step } = range;
  const values = new Array<number | null>(Math.floor((end - start) / step) + 1).fill(null);
  for (const [at, text] of samples) {
    const slot = Math.round((at - start) / step);
    if (slot >= 0 && slot < values.length) values[slot] = toNumber(text);
  }
  return values;
}

/** NaN and the infinities cannot be drawn: a ratio of nothing by nothing is a gap. */
function toNumber(text: string): number | null {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}

/** Two queries may give series of one name: the second gets its labels, or a number, added. */
function unique(series: PanelSeries[]): PanelSeries[] {
  const seen = new Map<string, number>();
  return series.map((one) => {
    const count = (seen.get(one.name) ?? 0) + 1;
    seen.set(one.name, count);
    return count === 1 ? one : { ...one, name: `${one.name} (${count})` };
  });
}

/**
 * The `max` series that reach highest, and how many there were. Their order stays as it was: lines
 * that change places at each refresh cannot be followed.
 */
export function ranked(series: PanelSeries[], max: number): { shown: PanelSeries[]; of: number } {
  if (series.length <= max) return { shown: series, of: series.length };
  const height = (one: PanelSeries) => largest(one.values) ?? Number.NEGATIVE_INFINITY;
  const highest = new Set([...series].sort((a, b) => height(b) - height(a)).slice(0, max));
  return { shown: series.filter((one) => highest.has(one)), of: series.length };
}

/** `route 2` before `route 10`. */
const byName = (a: PanelSeries, b: PanelSeries) =>
  a.name.localeCompare(b.name, 'en', { numeric: true });
