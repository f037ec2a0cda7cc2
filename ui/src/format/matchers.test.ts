import { expect, test } from 'vitest';
import { matchAll, matcherTrouble, matchersOf, matchersText, readMatchers } from './matchers';

/** What a text reads as, written anew; `…` and the rest where reading ended early. */
const check = (text: string, expected: string) => {
  const { matchers, rest } = readMatchers(text);
  expect(matchersText(matchers) + (rest === '' ? '' : ` … ${rest}`)).toBe(expected);
};

test('matchers are read with and without braces, quotes and spaces', () => {
  check('job="shop"', 'job="shop"');
  check('{job="shop", severity=~"critical|warning"}', 'job="shop", severity=~"critical|warning"');
  check(' job = shop ,instance != 127.0.0.1:80', 'job="shop", instance!="127.0.0.1:80"');
  check("team='a b',", 'team="a b"');
  check('', '');
  check('{}', '');
});

test('a value keeps its quotes, commas and braces', () => {
  check('path="/a,b}"', 'path="/a,b}"');
  check('q="say \\"no\\""', 'q="say \\"no\\""');
  check(String.raw`re=~"a\\.b"`, String.raw`re=~"a\\.b"`);
});

test('what cannot be read is left over, and the matchers before it are kept', () => {
  check('job="shop", 9=x', 'job="shop" … 9=x');
  check('job', ' … job');
  check('job="shop', ' … job="shop');
  check('a==b', 'a="=b"');
  check('__proto__="x"', '__proto__="x"');
});

const LABELS = { alertname: 'A', job: 'shop', severity: 'critical' };
const checkMatch = (text: string, expected: boolean) =>
  expect(matchAll(readMatchers(text).matchers, LABELS)).toBe(expected);

test('matchers match as in Prometheus: anchored, and an absent label is empty', () => {
  checkMatch('job="shop"', true);
  checkMatch('job=~"sh"', false);
  checkMatch('job=~"sh.*|x"', true);
  checkMatch('job!~"sh.*"', false);
  checkMatch('team=""', true);
  checkMatch('team!=""', false);
  checkMatch('constructor=""', true);
  checkMatch('', true);
});

test('a bad regular expression matches nothing and says so', () => {
  checkMatch('job=~"("', false);
  checkMatch('job!~"("', false);
  expect(matcherTrouble({ name: 'job', op: '=~', value: '(' })).toContain('(');
  expect(matcherTrouble({ name: 'job', op: '=', value: '(' })).toBeNull();
});

test('labels become matchers that match them', () => {
  const matchers = matchersOf({ ...LABELS, empty: '' });
  expect(matchersText(matchers)).toBe('alertname="A", job="shop", severity="critical"');
  expect(matchAll(matchers, LABELS)).toBe(true);
});
