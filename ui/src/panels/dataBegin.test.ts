import { expect, test } from 'vitest';
import { Begins, betterRange } from './dataBegin';

const QUARTER = { kind: 'relative', seconds: 900 } as const;
const begin = (first: number) => ({ first, start: 1_000, end: 1_900 });
const check = (firsts: number[], expected: number | undefined) =>
  expect(betterRange(firsts.map(begin), QUARTER)?.seconds).toBe(expected);

test('data that is younger than half the range is offered the shortest that holds it', () => {
  check([1_700, 1_650], 300);
  check([1_700, 1_100], undefined);
  check([1_890], 300);
  check([], undefined);
});

test('a range of one’s own, or answers to another range, offer nothing', () => {
  const own = { kind: 'absolute', fromMs: 1_000_000, toMs: 1_900_000 } as const;
  expect(betterRange([begin(1_800)], own)).toBeNull();
  expect(betterRange([{ first: 1_800, start: 1_600, end: 1_900 }], QUARTER)).toBeNull();
});

test('the first value of any series counts, and a panel without one is left out', () => {
  const begins = new Begins();
  const bounds = { start: 0, end: 20 };
  const series = (...all: (number | null)[][]) =>
    all.map((values) => ({ name: '', colourKey: '', labels: {}, isLimit: false, values }));
  const note = (...all: (number | null)[][]) =>
    begins.note('a', { times: [0, 10, 20], bounds, series: series(...all) });
  note([null, null, 1], [null, 2, 2]);
  expect(begins.seen.value.get('a')?.first).toBe(10);
  note([null, null, null]);
  note();
  expect(begins.seen.value.size).toBe(0);
});
