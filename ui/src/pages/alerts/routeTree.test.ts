import { expect, test } from 'vitest';
import type { Route } from '../../api/notifications';
import { labelsIn, routeRows, takes } from './routeTree';

const route = (receiver: string, ...routes: Route[]): Route => ({
  id: 0,
  key: '',
  receiver,
  matchers: '{}',
  continue: false,
  groupBy: [],
  groupWait: '30s',
  groupInterval: '5m',
  repeatInterval: '4h',
  muteTimeIntervals: [],
  activeTimeIntervals: [],
  routes,
});

test('a tree of routes is rows, in the order in which an alert is asked', () => {
  const rows = routeRows(route('a', route('b', route('c')), route('d')));
  expect(rows.map(({ route: { receiver }, depth }) => `${receiver}${depth}`)).toEqual([
    'a0',
    'b1',
    'c2',
    'd1',
  ]);
  expect(rows.map(({ last }) => last)).toEqual([true, false, true, true]);
});

test('a tree of ten thousand levels is no overflow', () => {
  let deep = route('leaf');
  for (let i = 0; i < 10_000; i += 1) deep = route(String(i), deep);
  expect(routeRows(deep)).toHaveLength(10_001);
});

test('a route without matchers takes everything', () => {
  expect(takes(route('a'))).toBe('everything');
  expect(takes({ ...route('a'), matchers: '{severity="critical"}' })).toBe('severity="critical"');
});

test('labels are read as they are written elsewhere, and only with one value each', () => {
  expect(labelsIn('alertname="A", severity=critical').labels).toEqual({
    alertname: 'A',
    severity: 'critical',
  });
  expect(labelsIn('').labels).toEqual({});
  expect(labelsIn('severity=~"a|b"').wrong).toContain('one value');
  expect(labelsIn('severity').wrong).toContain('Cannot read');
});
