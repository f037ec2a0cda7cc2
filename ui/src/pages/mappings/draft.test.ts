import { expect, test } from 'vitest';
import type { Mapping } from '../../api/mappings';
import { conditionOf, draftOf, EMPTY, mappingOf, unitsOf } from './draft';

const SAVED: Mapping[] = [
  {
    name: 'checkout errors',
    entity: { type: 'service', label: ['service', 'job'], scope: { env: 'environment' } },
    kpi: 'errors',
    metric: 'checkout_total',
    type: 'counter',
    filters: [{ label: 'method', op: '!=', value: 'OPTIONS' }],
    errors: { label: 'status', op: '=~', value: '5..|"odd"' },
  },
  {
    entity: { type: 'service' },
    kpi: 'latency_quantile',
    metric: '{entity}_latency_p90',
    type: 'gauge',
    unit: 'milliseconds',
    quantiles: [0.9],
  },
  {
    entity: { type: 'host', label: ['node'] },
    kpi: 'saturation',
    resource: 'pool',
    metric: ['a', 'b'],
    limit: 'size',
    type: 'gauge',
  },
  {
    entity: { type: 'service', label: ['job'] },
    kpi: 'latency_average',
    sum: 'took_sum',
    count: 'took_count',
    type: 'counter',
    unit: 'seconds',
  },
  {
    entity: { type: 'service', label: ['job'] },
    kpi: 'availability',
    metric: 'up_ratio',
    type: 'gauge',
    unit: 'percent',
  },
];

test.each(SAVED)('a saved mapping stays itself in the form: $kpi', (mapping) => {
  expect(mappingOf(draftOf(mapping))).toEqual(mapping);
});

test.each([
  ['status=~"5.."', { label: 'status', op: '=~', value: '5..' }],
  ["a != 'b c'", { label: 'a', op: '!=', value: 'b c' }],
  ['a=b', { label: 'a', op: '=', value: 'b' }],
  ['a=""', { label: 'a', op: '=', value: '' }],
  ['status', null],
  ['', null],
])('the condition %s', (text, expected) => {
  expect(conditionOf(text)).toEqual(expected);
});

test('a unit that makes no sense any more gives way to the first that does', () => {
  const draft = { ...EMPTY, kpi: 'request_rate', type: 'gauge', unit: 'percent', metric: 'm' };
  expect(unitsOf(draft)).toEqual(['per_second', 'per_minute', 'per_step']);
  expect(mappingOf(draft).unit).toBe('per_second');
  expect(mappingOf({ ...draft, type: 'counter' })).not.toHaveProperty('unit');
});
