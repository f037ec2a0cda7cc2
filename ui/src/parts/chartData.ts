import type { Threshold } from '../api/service';

/** One line of a chart. `values` has one entry per time, null where there is a gap. */
export type ChartSeries = {
  name: string;
  /** A token such as `--series-0`. */
  colour: string;
  values: (number | null)[];
};

/** Sums each series onto those before it. A time at which nothing has a value stays a gap. */
export function stacked(series: (number | null)[][]): (number | null)[][] {
  const length = series[0]?.length ?? 0;
  const total = new Array<number>(length).fill(0);
  const seen = new Array<boolean>(length).fill(false);
  return series.map((values) =>
    values.map((value, i) => {
      if (value !== null) {
        total[i] = (total[i] ?? 0) + value;
        seen[i] = true;
      }
      return seen[i] ? (total[i] ?? 0) : null;
    }),
  );
}

// A limit far above the data would press it flat: it is shown once the data is half way there.
const THRESHOLD_REACH = 2;

/** The value axis: from zero where asked, a little air above, near thresholds inside. */
export function valueRange(
  min: number | null,
  max: number | null,
  fromZero: boolean,
  thresholds: Threshold[],
): [number, number] {
  if (min === null || max === null) return [0, 1];
  let low = fromZero ? Math.min(0, min) : min;
  let high = fromZero ? Math.max(0, max) : max;
  for (const { value } of thresholds) {
    const near = high === 0 || value <= high * THRESHOLD_REACH;
    if (value > high && near) high = value;
  }
  if (low === high) {
    const size = Math.abs(high) || 1;
    return low === 0 ? [0, size] : [low - size * 0.1, high + size * 0.1];
  }
  const air = (high - low) * 0.08;
  if (low !== 0) low -= air;
  return [low, high + air];
}

/** Indices with a value whose neighbours have none: drawn as dots, or they would not be seen. */
export function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  }
  return found;
}

export const largest = (values: (number | null)[]): number | null =>
  values.reduce<number | null>(
    (max, value) => (value !== null && (max === null || value > max) ? value : max),
    null,
  );

export const newest = (values: (number | null)[]): number | null =>
  values.findLast((value) => value !== null) ?? null;
