import { expect, test } from 'vitest';
import { beyondReach, lonely, stacked, steppedIndex, valueRange } from './chartData';
import { promqlTokens } from './promqlTokens';
import { sparkPaths } from './sparkPaths';

test('a sparkline breaks where values are missing', () => {
  const { line, dots } = sparkPaths([1, 2, null, 4, null, 1, 1], 120, 24);
  expect(line.match(/M/g)).toHaveLength(2);
  expect(dots).toHaveLength(1);
});

test('a sparkline of nothing, of zeros or of one value is drawn without NaN', () => {
  for (const values of [[], [null, null], [0, 0, 0], [5], [Number.NaN, 1], [-1, -2]]) {
    expect(JSON.stringify(sparkPaths(values, 120, 24))).not.toMatch(/NaN|Infinity|null/);
  }
});

test('stacking sums what is there and leaves a gap where nothing is', () => {
  expect(
    stacked([
      [1, null, null],
      [2, 3, null],
    ]),
  ).toEqual([
    [1, null, null],
    [3, 3, null],
  ]);
});

const limit = (value: number) => [{ value, severity: 'warning', name: 'limit' }];

test('rates begin at zero', () => expect(valueRange(40, 50, true, [])[0]).toBe(0));

test('a limit near the data is inside, one far above does not press it flat', () => {
  expect(valueRange(0, 6, true, limit(10))[1]).toBeGreaterThan(10);
  expect(valueRange(0, 1, true, limit(10))[1]).toBeLessThan(2);
});

test('data that is all zero shows its lowest limit, and one limit does not bring in the next', () => {
  const two = [...limit(5), ...limit(1)];
  expect(valueRange(0, 0, true, two)[1]).toBeCloseTo(1.08);
  expect(valueRange(0, 0.5, true, two)[1]).toBeCloseTo(1.08);
  expect(valueRange(0, 0, true, [])).toEqual([0, 1]);
});

test('only a limit that dwarfs what it limits leaves the axis alone', () => {
  const check = (used: (number | null)[], top: (number | null)[], expected: boolean[]) => {
    const series = [used, top].map((values, i) => ({ name: `${i}`, colour: '', values }));
    const marked = beyondReach(series, ({ name }) => name === '1');
    expect(marked.map(({ beyond }) => beyond === true)).toEqual(expected);
  };
  check([0.02, null], [2, 2], [false, true]);
  check([0.7, 0.1], [2, 2], [false, false]);
  check([0, 0], [2, 2], [false, false]);
  check([null], [2], [false, false]);
  check([1], [null], [false, false]);
  check([20, 30], [1, 2], [false, false]);
});

test('the keys walk over what has values, and begin at its ends', () => {
  const check = (at: number | null, step: number, expected: number | null) =>
    expect(
      steppedIndex(
        [
          [null, 1, null, null],
          [null, null, 2, null],
        ],
        at,
        step,
      ),
    ).toBe(expected);
  check(null, -1, 2);
  check(null, 1, 1);
  check(2, -1, 1);
  check(1, -1, 1);
  check(1, 10, 2);
  check(3, 1, 2);
  expect(steppedIndex([], null, 1)).toBeNull();
  expect(steppedIndex([[null, null]], 1, 1)).toBeNull();
});

test('data without a height still has an axis', () => {
  for (const [min, max] of [
    [null, null],
    [0, 0],
    [5, 5],
    [-3, -3],
  ] as const) {
    const [low, high] = valueRange(min, max, false, []);
    expect(high).toBeGreaterThan(low);
  }
});

test('a point between two gaps is found', () => {
  expect(lonely([null, 1, null, 2, 3, null, 4])).toEqual([1, 6]);
});

test('the highlighter loses no character of any text', () => {
  const texts = [
    'sum by (status) (rate(http_total{job="a",code=~"5.."}[1m])) / 2e3 > bool 0.05 # end',
    '"unclosed',
    "'a\\'b' `raw` {é=\"ü\"} 🙂",
    '',
    '}}}{{{[[[1m',
    'x'.repeat(5_000),
  ];
  for (const text of texts) {
    expect(
      promqlTokens(text)
        .map((token) => token.text)
        .join(''),
    ).toBe(text);
  }
});

test('functions and keywords are coloured, metrics are not', () => {
  const kinds = Object.fromEntries(
    promqlTokens('sum by (job) (rate(up{job="a"}[5m]))').map(({ text, kind }) => [text, kind]),
  );
  expect(kinds).toMatchObject({ sum: 'word', by: 'word', rate: 'word', up: 'plain' });
  expect(kinds).toMatchObject({ '"a"': 'text', '5m': 'number' });
});
