import { expect, test } from 'vitest';
import { aligned, stepFor, windowFor } from './steps';

test('there is at most one point a pixel, and no step finer than the scrapes', () => {
  for (const range of [60, 900, 3_600, 86_400, 604_800, 31_536_000]) {
    for (const pixels of [1, 120, 400, 1_600]) {
      const step = stepFor(range, pixels, 5);
      expect(range / step).toBeLessThanOrEqual(pixels);
      expect(step).toBeGreaterThanOrEqual(5);
    }
  }
});

test('steps fall on round times', () => {
  expect(stepFor(900, 400, 5)).toBe(5);
  expect(stepFor(900, 120, 5)).toBe(10);
  expect(stepFor(86_400, 400, 5)).toBe(300);
});

test('a range that slides within one step asks the same question', () => {
  const before = aligned(1_000_003_000, 1_000_903_000, 10);
  expect(aligned(1_000_005_000, 1_000_905_000, 10)).toEqual(before);
  expect(before.start % 10).toBe(0);
});

test('the window grows with the step once a step is longer than a minute', () => {
  expect(windowFor(60)).toBeUndefined();
  expect(windowFor(300)).toBe('300s');
});
