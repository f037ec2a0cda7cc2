import { expect, test } from 'vitest';
import { digits, plural, whole } from './number';
import { speakBrief, speakText, tickSteps, valueTicks } from './units';

const check = (value: number | null, unit: string, expected: string) =>
  expect(speakText(value, unit).replace('\u00a0', ' ')).toBe(expected);

test('numbers have as many digits as people say', () => {
  const pairs: [number, string][] = [
    [0, '0'],
    [-0, '0'],
    [340.4, '340'],
    [99.96, '100'],
    [34.25, '34.3'],
    [3, '3'],
    [0.999, '1'],
    [0.3456, '0.35'],
    [0.00123, '0.0012'],
    [0.000_012, '1e−5'],
    [-3.25, '−3.3'],
  ];
  for (const [value, expected] of pairs) expect(digits(value)).toBe(expected);
});

test('rates, ratios, durations and sizes are said in their own words', () => {
  check(12.44, 'reqps', '12.4 /s');
  check(1234, 'reqps', '1.2 k/s');
  check(999.6, 'reqps', '1 k/s');
  check(0.004, 'percentunit', '0.4 %');
  check(1, 'percentunit', '100 %');
  check(0.34, 's', '340 ms');
  check(0.000_25, 's', '250 µs');
  check(0.999_9, 's', '1 s');
  check(90, 's', '90 s');
  check(7_300, 's', '2 h');
  check(0, 's', '0 ms');
  check(1_258_291, 'bytes', '1.2 MiB');
  check(1023.9, 'bytes', '1 KiB');
  check(1_258_291, 'binBps', '1.2 MiB/s');
  check(1, 'cores', '1 core');
  check(12_000, 'short', '12 k');
  check(3, 'ops', '3 ops/s');
});

test('a missing value is a dash and an infinite one says so', () => {
  check(null, 's', '–');
  check(Number.NaN, 'bytes', '–');
  check(Number.POSITIVE_INFINITY, 'short', '∞');
  check(Number.NEGATIVE_INFINITY, 'short', '−∞');
});

test('a unit nobody taught is shown as it is named', () => check(12, 'widgets', '12 widgets'));

const checkTicks = (ticks: number[], unit: string, expected: string) =>
  expect(valueTicks(ticks, unit).join(' | ').replaceAll('\u00a0', ' ')).toBe(expected);

test('all ticks of an axis share a unit and enough decimals to differ', () => {
  checkTicks([0, 0.5, 1], 's', '0 s | 0.5 s | 1.0 s');
  checkTicks([0, 0.02, 0.04], 's', '0 ms | 20 ms | 40 ms');
  checkTicks([0, 0.25, 0.5], 'percentunit', '0 % | 25 % | 50 %');
  checkTicks([0, 0.0025, 0.005], 'percentunit', '0 % | 0.25 % | 0.50 %');
  checkTicks([0, 500, 1000], 'reqps', '0 k/s | 0.5 k/s | 1.0 k/s');
  checkTicks([0, 16_777_216, 33_554_432], 'bytes', '0 MiB | 16 MiB | 32 MiB');
  checkTicks([0, 1.25, 2.5], 'short', '0 | 1.25 | 2.50');
  checkTicks([-2, 0, 2], 'short', '−2 | 0 | 2');
});

test('a long unit stands on the topmost tick only', () =>
  checkTicks([0, 0.1, 0.2], 'cores', '0 | 0.1 | 0.2 cores'));

test('counts have whole ticks, shares of one have not', () => {
  expect(tickSteps('short', 1).every(Number.isInteger)).toBe(true);
  expect(tickSteps('short', 20_000)).toContain(5_000);
  expect(tickSteps('short', 0.9)).toContain(0.25);
  expect(tickSteps('cores', 2)).toContain(0.5);
});

test('a legend leaves long units to the axis', () => {
  expect(speakBrief(0.021, 'cores')).toBe('0.021');
  expect(speakBrief(1_200, 'ops')).toBe('1.2\u00a0k');
  expect(speakBrief(0.34, 's')).toBe('340\u00a0ms');
});

test('an axis of nothing but zero has a label', () => checkTicks([0], 's', '0 ms'));

test('whole numbers are grouped by thin spaces', () => {
  expect(whole(1_234_567)).toBe('1\u202f234\u202f567');
  expect(plural(1, 'line')).toBe('1 line');
  expect(plural(2, 'query', 'queries')).toBe('2 queries');
});
