import type { Labels, SamplePair } from '../../api/query';
import { labelsId } from '../../format/labels';

/** A stretch of time, in Unix seconds. */
export type Stretch = { from: number; to: number };

/** What one alert did in a range: when it fired, how often, for how long. */
export type Firings = {
  id: string;
  /** Without `alertstate`. */
  labels: Labels;
  stretches: Stretch[];
  /** How long it fired, in seconds. */
  seconds: number;
  /** When it last fired, in Unix seconds. */
  last: number;
};

/**
 * Evaluations at which an alert fired, a bucket of `step` seconds each. Counting them misses none,
 * whatever lies between the points of a chart.
 */
export function firingQuery(step: number, selector = ''): string {
  return `count_over_time(ALERTS{alertstate="firing"${selector}}[${step}s])`;
}

/**
 * Buckets with a firing in them as stretches. Two within `interval` seconds of each other are one:
 * a rule that is evaluated each minute leaves buckets of fifteen seconds empty.
 */
export function stretchesOf(
  samples: SamplePair[],
  step: number,
  interval: number,
  range: { start: number; end: number },
): Stretch[] {
  const stretches: Stretch[] = [];
  const bridged = Math.max(step, interval) * 1.5;
  for (const [at, text] of samples) {
    if (!(Number(text) > 0)) continue;
    const from = Math.max(range.start, at - step);
    const before = stretches.at(-1);
    if (before !== undefined && from - before.to <= bridged - step) before.to = at;
    else stretches.push({ from, to: at });
  }
  return stretches;
}

/** How long an alert fired: each evaluation stands for one interval, as far as there was time. */
export function secondsOf(samples: SamplePair[], stretches: Stretch[], interval: number): number {
  const evaluations = samples.reduce((sum, [, text]) => sum + (Number(text) || 0), 0);
  const longest = stretches.reduce((sum, { from, to }) => sum + to - from, 0);
  return Math.min(longest, evaluations * interval);
}

/** One entry for each alert that fired, that which fired last first. */
export function firingsOf(
  series: { metric: Labels; values?: SamplePair[] }[],
  range: { start: number; end: number; step: number },
  intervalOf: (labels: Labels) => number,
): Firings[] {
  const found = series.flatMap(({ metric, values = [] }) => {
    const { alertstate: _, ...labels } = metric;
    const interval = intervalOf(labels);
    const stretches = stretchesOf(values, range.step, interval, range);
    const last = stretches.at(-1)?.to;
    if (last === undefined) return [];
    const seconds = secondsOf(values, stretches, interval);
    return [{ id: labelsId(labels), labels, stretches, seconds, last }];
  });
  return found.sort((a, b) => b.last - a.last || b.seconds - a.seconds);
}

/** Where a stretch lies on a strip that is 100 wide; at least a hair, or nobody sees it. */
export function onStrip(
  { from, to }: Stretch,
  range: { start: number; end: number },
): { x: number; width: number } {
  const length = Math.max(1, range.end - range.start);
  const x = (Math.max(from, range.start) - range.start) / length;
  const width = Math.max(0.004, (Math.min(to, range.end) - Math.max(from, range.start)) / length);
  return { x: Math.min(x, 0.996) * 100, width: width * 100 };
}
