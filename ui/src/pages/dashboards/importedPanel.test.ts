import { expect, test } from 'vitest';
import type { ImportedPanel } from '../../api/dashboards';
import { asPanel, picked } from './importedPanel';

const panel = (more: Partial<ImportedPanel>): ImportedPanel => ({
  id: 3,
  copy: 0,
  title: 'A',
  help: '',
  type: 'timeseries',
  unit: '',
  stack: false,
  thresholds: [],
  place: { x: 0, y: 0, width: 12, height: 8 },
  remarks: [],
  queries: [{ expr: 'up', legend: '', instant: false }],
  ...more,
});

test.each([
  ['percentunit', 'percentunit', 'A'],
  ['Bps', 'binBps', 'A'],
  ['none', 'short', 'A'],
  ['', 'short', 'A'],
  ['ms', 'short', 'A (ms)'],
])('the unit %s is shown as %s', (unit, shown, title) => {
  expect(asPanel(panel({ unit }))).toMatchObject({ unit: shown, title });
});

test.each([
  ['timeseries', 'timeseries', false],
  ['gauge', 'stat', true],
  ['bar', 'table', true],
  ['heatmap', 'timeseries', false],
] as const)('a %s becomes a %s', (type, shown, instant) => {
  const made = asPanel(panel({ type }));
  expect(made.type).toBe(shown);
  expect(made.queries[0]?.instant).toBe(instant);
});

test('what is simplified is said with the panel', () => {
  expect(asPanel(panel({ help: 'Reads.', remarks: ['not shifted'] })).help).toBe(
    'Reads. · not shifted',
  );
});

test('several values of one variable are kept', () => {
  const params = new URLSearchParams('var-job=a&var-job=b&range=1h&var-x=');
  expect(picked(params)).toEqual([
    ['job', 'a'],
    ['job', 'b'],
    ['x', ''],
  ]);
});
