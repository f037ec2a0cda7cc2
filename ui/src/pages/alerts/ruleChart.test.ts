import { expect, test } from 'vitest';
import { narrowed, numberOf, ruleChart } from './ruleChart';

/** A rule's expression as `number op limit`. */
const check = (expr: string, expected: string) => {
  const { expr: number, compares, limit, limitExpr } = ruleChart(expr);
  const parts = [number, compares, limit ?? limitExpr].filter((part) => part !== null);
  expect(parts.join(' ')).toBe(expected);
};

test('a comparison is a number and its limit', () => {
  check('up == 0', 'up == 0');
  check('a / b > 0.05', 'a / b > 0.05');
  check('rate(x{a="b > 1"}[5m]) >= 1e3', 'rate(x{a="b > 1"}[5m]) >= 1000');
  check('x != bool 1', 'x != 1');
  check('0.1 < x', 'x > 0.1');
  check('x{code=~"5.."} > 14.4 * 0.01', 'x{code=~"5.."} > 0.144');
});

test('the first comparison is drawn, its conditions are not', () => {
  check('a > 1 and b > 2', 'a > 1');
  check('(a > 1) and on (job) b > 2', 'a > 1');
  check('(a > 1 and b > 1) unless c', 'a > 1');
  check('a > 1 or b > 2', 'a > 1');
});

test('brackets and rounding around a comparison are looked into', () => {
  check('round(a / b > 0.05, 0.001) and c > 10', 'a / b > 0.05');
  check('round((a > 2 and b > 1), 0.01)', 'a > 2');
  check('((a)) > 1', '((a)) > 1');
  check('round(a) > 3', 'round(a) > 3');
  check('(a + b) > (c)', '(a + b) > (c)');
});

test('a limit that is no number is drawn as a line of its own', () => {
  check('a > b', 'a > b');
  check('a > on (job) group_left () b * 2', 'a > b * 2');
  check('predict_linear(x[1h], 3600) < time()', 'predict_linear(x[1h], 3600) < time()');
});

test('a rule that compares nothing is drawn as it is', () => {
  check('vector(1)', 'vector(1)');
  check('changes(x[1h])', 'changes(x[1h])');
  check('', '');
});

test('text that is no PromQL is drawn as it is and never throws', () => {
  for (const text of [
    '(((',
    ')))',
    'a >',
    '> 1',
    '"',
    'round(',
    'and',
    '{{{',
    'a > 1 > 2',
    '\u0000',
  ]) {
    expect(typeof ruleChart(text).expr).toBe('string');
  }
});

test('arithmetic of numbers is a number', () => {
  for (const [text, expected] of [
    ['1', 1],
    ['14.4 * 0.01', 0.144],
    ['1 + 2 * 3', 7],
    ['-1', -1],
    ['2 * -3', -6],
    ['60 / 2 - 1', 29],
    ['(5 * 60)', 300],
    ['1e-3', 0.001],
    ['1 / 0', null],
    ['x', null],
    ['1 2', null],
    ['', null],
    ['1 +', null],
    ['* 1', null],
    ['5m', null],
  ] as const) {
    const value = numberOf(text);
    if (expected === null) expect(value).toBeNull();
    else expect(value).toBeCloseTo(expected, 12);
  }
});

/** An expression narrowed to one job. */
const checkNarrowed = (expr: string, expected: string) =>
  expect(narrowed(expr, 'job="a"')).toBe(expected);

test('every selector of an expression is narrowed, and nothing else', () => {
  checkNarrowed('up', 'up{job="a"}');
  checkNarrowed('up{instance="b"}', 'up{job="a",instance="b"}');
  checkNarrowed('up{}', 'up{job="a"}');
  checkNarrowed('{__name__="up"}', '{job="a",__name__="up"}');
  checkNarrowed(
    'sum by (job, le) (rate(x_bucket{le="1"}[5m] offset 1h)) > bool 0',
    'sum by (job, le) (rate(x_bucket{job="a",le="1"}[5m] offset 1h)) > bool 0',
  );
  checkNarrowed(
    'a * on (job) group_left (version) b / ignoring(x) c',
    'a{job="a"} * on (job) group_left (version) b{job="a"} / ignoring(x) c{job="a"}',
  );
  checkNarrowed('sum(a) by (job) + time() - Inf', 'sum(a{job="a"}) by (job) + time() - Inf');
  checkNarrowed('x{l="up"} and "up"', 'x{job="a",l="up"} and "up"');
  checkNarrowed('', '');
});

test('text that is no PromQL is narrowed without an exception', () => {
  for (const text of ['{', '}', 'by (', 'a{', '((a', '{a="']) {
    expect(typeof narrowed(text, 'job="a"')).toBe('string');
  }
});
