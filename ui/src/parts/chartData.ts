import type { Threshold } from '../api/service';

/** One line of a chart. `values` has one entry per time, null where there is a gap. */
export type ChartSeries = {
  name: string;
  /** A token such as `--series-0`. */
  colour: string;
  values: (number | null)[];
  /** A limit far above the others: it does not stretch the value axis. */
  beyond?: boolean;
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

// A limit far above the data would press it flat: it is shown once the data is a third of it.
const LIMIT_REACH = 3;

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
  const near = reachOf(high, thresholds);
  for (const { value } of thresholds) if (value > high && value <= near) high = value;
  if (low === high) {
    const size = Math.abs(high) || 1;
    return low === 0 ? [0, size] : [low - size * 0.1, high + size * 0.1];
  }
  const air = (high - low) * 0.08;
  if (low !== 0) low -= air;
  return [low, high + air];
}

/** How far limits may stretch the axis. Data that is all zero shows its lowest limit. */
function reachOf(high: number, thresholds: Threshold[]): number {
  if (high > 0) return high * LIMIT_REACH;
  return Math.min(...thresholds.map(({ value }) => value).filter((value) => value > 0));
}

/**
 * Marks the limits among the series that lie far above everything else, as 20,000 files that may
 * be open above 34 that are. `isLimit` says which ones are limits: a series that is none always
 * sets the axis, however high it is.
 */
export function beyondReach<T extends ChartSeries>(
  series: T[],
  isLimit: (one: T) => boolean,
): (T & Pick<ChartSeries, 'beyond'>)[] {
  const highest = Math.max(
    0,
    ...series.filter((one) => !isLimit(one)).map(({ values }) => largest(values) ?? 0),
  );
  if (highest === 0) return series;
  return series.map((one) => {
    if (!isLimit(one)) return one;
    const least = Math.min(...one.values.filter((value) => value !== null));
    return Number.isFinite(least) && least > highest * LIMIT_REACH ? { ...one, beyond: true } : one;
  });
}

/**
 * Where the crosshair goes from `at` by `step` points, within those at which any series has a
 * value; from nowhere it goes to the newest, or on the way forward to the first.
 */
export function steppedIndex(
  series: ArrayLike<number | null | undefined>[],
  at: number | null,
  step: number,
): number | null {
  const length = series.reduce((most, values) => Math.max(most, values.length), 0);
  const has = (i: number) => series.some((values) => values[i] != null);
  let first = 0;
  while (first < length && !has(first)) first += 1;
  if (first === length) return null;
  let last = length - 1;
  while (!has(last)) last -= 1;
  if (at === null) return step < 0 ? last : first;
  return Math.min(last, Math.max(first, at + step));
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
