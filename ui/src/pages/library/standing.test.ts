import { expect, test } from 'vitest';
import type { Pack, PackAlert, PackAlertService } from '../../api/packs';
import {
  alertStanding,
  inOrder,
  looksFor,
  overallStanding,
  serviceStanding,
  worstOf,
} from './standing';

const NONE = {
  armed: 0,
  needs_data: 0,
  not_evaluable: 0,
  off: 0,
  firing: 0,
  pending: 0,
  severity: null as string | null,
};

/** How a pack with such alerts stands for a service: shape, hollow or not, words. */
const check = (counts: Partial<typeof NONE>, expected: string, judged = true) => {
  const service = { service: 'a', why: '', variants: {}, ...NONE, ...counts };
  const { state, hollow, word } = serviceStanding(service, judged);
  expect(`${state}${hollow ? ' hollow' : ''}: ${word}`).toBe(expected);
};

test('a service is green only when every alert of the pack can judge', () => {
  check({ armed: 7 }, 'good: 7 armed');
  check({ armed: 5, not_evaluable: 2 }, 'good hollow: 5 armed, 2 not evaluable');
  check(
    { needs_data: 1, not_evaluable: 2 },
    'unknown hollow: None armed, 1 need data, 2 not evaluable',
  );
  check({ armed: 6, off: 1 }, 'good hollow: 6 armed, 1 switched off');
  check({ off: 7 }, 'unknown hollow: None armed, 7 switched off');
  check({}, 'unknown hollow: No alerts');
  check({ armed: 7 }, 'unknown hollow: Not judged', false);
});

test('what fires is said before what is armed', () => {
  const severity = 'critical';
  check({ armed: 2, firing: 1, pending: 1, severity }, 'critical: 1 firing, 2 armed');
  check({ armed: 2, pending: 1, severity: 'warning' }, 'warning hollow: 1 pending, 2 armed');
  check({ armed: 2, firing: 1, severity: 'info' }, 'unknown: 1 firing, 2 armed');
});

const STANDING: PackAlertService = {
  service: 'a',
  state: 'armed',
  reason: null,
  needs_data_until_ms: null,
  firing: 0,
  pending: 0,
};

/** How an alert stands that stands so in its services. */
const checkOverall = (services: Partial<PackAlertService>[], expected: string) => {
  const alert = {
    severity: 'warning',
    services: services.map((one) => ({ ...STANDING, ...one })),
  } as PackAlert;
  const { state, hollow, word } = overallStanding(alert);
  expect(`${state}${hollow ? ' hollow' : ''}: ${word}`).toBe(expected);
};

test('an alert that no service can judge is never green', () => {
  const missing = { state: 'not_evaluable', reason: 'no target exposes x' } as const;
  checkOverall([], 'unknown hollow: Not judged: not found in any service');
  checkOverall([{}], 'good: Armed');
  checkOverall([{}, {}], 'good: Armed for all 2 services');
  checkOverall([{}, missing], 'good hollow: Armed for 1 of 2 services');
  checkOverall([missing, missing], 'unknown hollow: Not evaluable: no target exposes x');
  checkOverall([missing, { firing: 2 }], 'warning: 2 firing');
});

test('an alert that waits for data says until when', () => {
  const until = new Date().setHours(23, 59, 0, 0);
  const said = alertStanding(
    { ...STANDING, state: 'needs_data', needs_data_until_ms: until },
    'warning',
  );
  expect(said).toEqual({ state: 'unknown', hollow: true, word: 'Needs data until 23:59' });
});

const PACK: Pack = {
  id: 'a',
  title: 'A',
  version: '1',
  tier: 1,
  verified: 'real',
  layer: 'exporter',
  looks_for: { any: [], all: [] },
  services: [],
  alerts: 0,
  dashboards: [],
};

test('what a pack is recognised by reads as a sentence', () => {
  const one = { metric: 'x_info', labels: {} };
  const two = { metric: 'up', labels: { job: 'x' } };
  expect(looksFor({ ...PACK, looks_for: { any: [one, two], all: [] } })).toBe(
    'x_info or up{job="x"}',
  );
  expect(looksFor({ ...PACK, looks_for: { any: [one], all: [two] } })).toBe(
    'x_info and up{job="x"}',
  );
});

test('packs that were found stand first, the most specific on top', () => {
  const found = { service: 'a', why: '', variants: {}, ...NONE };
  const packs: Pack[] = [
    { ...PACK, id: 'target', layer: 'scrape', services: [found] },
    { ...PACK, id: 'none' },
    { ...PACK, id: 'redis', services: [found] },
  ];
  const { found: first, others } = inOrder(packs);
  expect(first.map(({ id }) => id)).toEqual(['redis', 'target']);
  expect(others.map(({ id }) => id)).toEqual(['none']);
});

test('the gravest severity speaks for all services', () => {
  const services = ['info', 'critical', null, 'warning'].map((severity) => ({
    service: 'a',
    why: '',
    variants: {},
    ...NONE,
    severity,
  }));
  expect(worstOf(services)).toBe('critical');
  expect(worstOf([])).toBeNull();
});
