import { expect, test } from 'vitest';
import { ago, durationText, lasting, parseDuration, rangeName, span } from './duration';
import { parseStamp, parseTime, stamp, timeTicks } from './time';

test('durations read as Prometheus writes them', () => {
  const pairs: [string, number | null][] = [
    ['15m', 900],
    ['1h30m', 5_400],
    ['2d', 172_800],
    ['1w', 604_800],
    ['0s', null],
    ['', null],
    ['15', null],
    ['m', null],
    ['-5m', null],
    ['1.5h', null],
    ['99999999999999d', null],
    ['5m;alert(1)', null],
  ];
  for (const [text, seconds] of pairs) expect([text, parseDuration(text)]).toEqual([text, seconds]);
});

test('a duration survives being written and read', () => {
  for (const seconds of [1, 59, 60, 90, 900, 3_600, 5_400, 86_400, 90_000]) {
    expect(parseDuration(durationText(seconds))).toBe(seconds);
  }
});

test('how long something lasts is said in its largest unit', () => {
  const pairs: [number, string][] = [
    [-5_000, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [119 * 60_000, '119 min'],
    [120 * 60_000, '2 h'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d'],
  ];
  for (const [ms, expected] of pairs) expect(lasting(ms)).toBe(expected);
});

test('what just came, or has yet to come, is now', () => {
  expect(ago(1_000, 1_999)).toBe('now');
  expect(ago(9_000, 1_000)).toBe('now');
  expect(ago(1_000, 13_000)).toBe('12 s ago');
});

test('ranges have names', () => {
  expect(rangeName(900)).toBe('15 min');
  expect(rangeName(3_600)).toBe('1 hour');
  expect(rangeName(172_800)).toBe('2 days');
  expect(rangeName(45)).toBe('45 s');
});

test('times that mean never are no times', () => {
  expect(parseTime('0001-01-01T00:00:00Z')).toBeNull();
  expect(parseTime('yesterday')).toBeNull();
  expect(parseTime(null)).toBeNull();
  expect(parseTime('2026-01-01T00:00:00Z')).toBe(1_767_225_600_000);
});

test('a time is read with its date, or as one of today', () => {
  const now = new Date('2026-11-23T14:05:09').getTime();
  const check = (text: string, expected: string | null) => {
    const ms = parseStamp(text, now);
    expect([text, ms === null ? null : stamp(ms)]).toEqual([text, expected]);
  };
  check(stamp(now), '2026-11-23 14:05:09');
  check('2026-11-23T14:05', '2026-11-23 14:05:00');
  check('9:30', '2026-11-23 09:30:00');
  check('09:30:15', '2026-11-23 09:30:15');
  for (const text of ['', 'now', '25:00', '2026-13-01 10:00', '2 pm', '10', '10:00 pm']) {
    check(text, null);
  }
});

test('ticks less than a minute apart say their seconds, and a new day its date', () => {
  const at = (text: string) => new Date(`2026-01-01T${text}`).getTime();
  expect(timeTicks([at('10:00:00'), at('10:00:30')], 30_000)).toEqual(['10:00:00', '10:00:30']);
  expect(timeTicks([at('10:00:00'), at('10:05:00')], 300_000)).toEqual(['10:00', '10:05']);
  const midnight = new Date('2026-01-02T00:00:00').getTime();
  expect(timeTicks([at('18:00:00'), midnight], 21_600_000)).toEqual(['18:00', '2 Jan']);
});

test('what is left of something is told to the minute, then to the hour', () => {
  for (const [minutes, said] of [
    [0, '0 min'],
    [-5, '0 min'],
    [45, '45 min'],
    [119, '119 min'],
    [239.9, '4 h'],
    [239, '3 h 59 min'],
    [48 * 60, '2 d'],
    [52 * 60 + 10, '2 d 4 h'],
  ] as const) {
    expect(span(minutes * 60_000)).toBe(said);
  }
});
