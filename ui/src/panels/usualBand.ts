import type { Band } from '../parts/chartMarks';

// Fewer values say nothing of what is usual.
const VALUES_MIN = 10;
const LOW = 0.05;
const HIGH = 0.95;

/**
 * Between which values 9 of 10 lay before the onset (Unix seconds), as far as the chart reaches
 * back; null where too little is known. It says what was, not what the server judged by.
 */
export function usualBand(
  times: number[],
  values: (number | null)[],
  onset: number | null,
): Band | null {
  if (onset === null) return null;
  const before = values
    .filter((value, i) => value !== null && (times[i] ?? onset) < onset)
    .map(Number)
    .sort((a, b) => a - b);
  if (before.length < VALUES_MIN) return null;
  const at = (part: number) => before[Math.round(part * (before.length - 1))] ?? 0;
  return { low: at(LOW), high: at(HIGH) };
}
