/** Steps that divide minutes, hours and days, so points fall on round times. In seconds. */
const STEPS = [
  1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600,
  43_200, 86_400, 172_800, 604_800,
];

/** At most one point a pixel, never finer than the samples lie apart. In seconds but `pixels`. */
export function stepFor(range: number, pixels: number, interval: number): number {
  const least = Math.max(range / Math.max(1, Math.floor(pixels)), interval, 1);
  return STEPS.find((step) => step >= least) ?? Math.ceil(least);
}

/**
 * Start and end on multiples of the step. A range that slides with the clock would otherwise ask
 * for other points every time, and the curve would tremble.
 */
export function aligned(
  startMs: number,
  endMs: number,
  step: number,
): { start: number; end: number; step: number } {
  return {
    start: Math.floor(startMs / 1000 / step) * step,
    end: Math.floor(endMs / 1000 / step) * step,
    step,
  };
}

/** The window of a rate: as long as a step, so no sample falls between two points. */
export function windowFor(step: number): string | undefined {
  // Below a minute the server's own default is the longer one.
  return step > 60 ? `${step}s` : undefined;
}
