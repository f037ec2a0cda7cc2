import { expect, test } from 'vitest';
import type { SamplePair } from '../../api/query';
import { firingsOf, onStrip, secondsOf, stretchesOf } from './firings';

const RANGE = { start: 0, end: 600 };

/** The stretches of a firing counted at these times, in buckets of 60 s, evaluated each 15 s. */
const check = (counts: Record<number, number>, expected: string, interval = 15) => {
  const samples: SamplePair[] = Object.entries(counts).map(([at, n]) => [Number(at), String(n)]);
  const stretches = stretchesOf(samples, 60, interval, RANGE);
  expect(stretches.map(({ from, to }) => `${from}-${to}`).join(' ')).toBe(expected);
};

test('neighbouring buckets are one stretch, a gap makes two', () => {
  check({ 60: 4, 120: 4, 180: 2 }, '0-180');
  check({ 60: 4, 240: 1 }, '0-60 180-240');
  check({ 120: 0, 180: 1 }, '120-180');
  check({}, '');
});

test('a rule that is evaluated less often than the buckets is no flicker', () => {
  check({ 60: 1, 180: 1, 300: 1 }, '0-300', 120);
});

test('numbers that are none count nothing', () => {
  const samples: SamplePair[] = [
    [60, 'NaN'],
    [120, ''],
    [180, '-1'],
  ];
  expect(stretchesOf(samples, 60, 15, RANGE)).toEqual([]);
  expect(secondsOf([[60, 'NaN']], [], 15)).toBe(0);
});

test('an alert fired as long as its evaluations say, and never longer than there was time', () => {
  const samples: SamplePair[] = [
    [60, '1'],
    [120, '4'],
  ];
  const stretches = stretchesOf(samples, 60, 15, RANGE);
  expect(secondsOf(samples, stretches, 15)).toBe(75);
  expect(secondsOf(samples, stretches, 3600)).toBe(120);
});

test('what fired last comes first, and what did not fire not at all', () => {
  const series = (alertname: string, at: number, n: string) => ({
    metric: { alertname, alertstate: 'firing' },
    values: [[at, n]] as SamplePair[],
  });
  const found = firingsOf(
    [series('a', 60, '1'), series('b', 120, '1'), series('c', 180, '0')],
    { ...RANGE, step: 60 },
    () => 15,
  );
  expect(found.map(({ labels }) => labels)).toEqual([{ alertname: 'b' }, { alertname: 'a' }]);
});

test('a strip shows even the shortest firing, and nothing beyond its ends', () => {
  expect(onStrip({ from: 300, to: 301 }, RANGE)).toEqual({ x: 50, width: 0.4 });
  expect(onStrip({ from: -60, to: 60 }, RANGE)).toEqual({ x: 0, width: 10 });
  expect(onStrip({ from: 600, to: 700 }, RANGE).x).toBeLessThan(100);
});
