import { expect, test } from 'vitest';
import { boundsOf, DEFAULT_RANGE, type Range, rangeParams, readRange, shifted } from './range';

const NOW = 1_767_225_600_000;
const read = (search: string) => readRange(new URLSearchParams(search));

test('the URL says the range', () => {
  expect(read('range=1h')).toEqual({ kind: 'relative', seconds: 3_600 });
  expect(read(`from=${NOW}&to=${NOW + 60_000}`)).toEqual({
    kind: 'absolute',
    fromMs: NOW,
    toMs: NOW + 60_000,
  });
});

test('nonsense in the URL is the default range', () => {
  const nonsense = [
    '',
    'range=',
    'range=soon',
    'range=1s',
    'range=99999d',
    'from=1',
    'from=x&to=y',
    `from=${NOW}&to=${NOW}`,
    `from=${NOW}&to=${NOW - 60_000}`,
    'from=-5&to=100000',
    'from=1e3&to=1e9',
    'from=0&to=99999999999999999999',
  ];
  for (const search of nonsense) expect([search, read(search)]).toEqual([search, DEFAULT_RANGE]);
});

test('a range survives the URL', () => {
  const ranges: Range[] = [
    DEFAULT_RANGE,
    { kind: 'relative', seconds: 5_400 },
    { kind: 'absolute', fromMs: NOW, toMs: NOW + 3_600_000 },
  ];
  for (const range of ranges) {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(rangeParams(range))) {
      if (value !== null) params.set(name, value);
    }
    expect(readRange(params)).toEqual(range);
  }
});

test('stepping back moves by half a range and keeps its length', () => {
  const back = shifted({ kind: 'relative', seconds: 900 }, -1, NOW);
  expect(boundsOf(back, NOW)).toEqual({ startMs: NOW - 1_350_000, endMs: NOW - 450_000 });
});

test('stepping forward never goes beyond now', () => {
  const range: Range = { kind: 'absolute', fromMs: NOW - 900_000, toMs: NOW - 10_000 };
  const { startMs, endMs } = boundsOf(shifted(range, 1, NOW), NOW);
  expect(endMs).toBe(NOW);
  expect(endMs - startMs).toBe(890_000);
});
