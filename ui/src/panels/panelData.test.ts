import { afterEach, expect, test, vi } from 'vitest';
import type { Panel } from '../api/service';
import { fetchPanel, gridOf, limits, onGrid, ranked } from './panelData';

const RANGE = { start: 100, end: 130, step: 10 };

test('samples fall on the grid and what is missing is a gap', () => {
  expect(gridOf(RANGE)).toEqual([100, 110, 120, 130]);
  expect(
    onGrid(
      [
        [100, '1'],
        [120, '3'],
      ],
      RANGE,
    ),
  ).toEqual([1, null, 3, null]);
});

test('what cannot be drawn is a gap, and what lies outside is left out', () => {
  expect(
    onGrid(
      [
        [100, 'NaN'],
        [110, '+Inf'],
        [120, ''],
        [130, '4'],
        [140, '5'],
        [90, '6'],
      ],
      RANGE,
    ),
  ).toEqual([null, null, null, 4]);
});

test('the series that reach highest are shown in their order, and how many there were', () => {
  const series = [2, 1, 3].map((height) => ({
    name: String(height),
    colourKey: '',
    labels: {},
    values: [null, height],
    isLimit: false,
  }));
  const { shown, of } = ranked(series, 2);
  expect(shown.map(({ name }) => name)).toEqual(['2', '3']);
  expect(of).toBe(3);
});

const query = (expr: string) => ({ expr, legend: expr, instant: false });
const PANEL: Panel = {
  id: 'p',
  title: 'P',
  type: 'timeseries',
  unit: 's',
  width: 8,
  queries: [query('good'), query('bad')],
};

afterEach(() => vi.unstubAllGlobals());

/** A server that knows the query `good` only. */
function serve() {
  vi.stubGlobal('fetch', async (url: string) =>
    url.includes('query=good')
      ? new Response(
          '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[100,"1"]]}]}}',
        )
      : new Response('{"status":"error","errorType":"execution","error":"too long"}', {
          status: 422,
        }),
  );
}

test('a query that fails is a note beside those that did not', async () => {
  serve();
  const { data, notes } = await fetchPanel(PANEL, RANGE, new AbortController().signal);
  expect(data.series.map(({ name }) => name)).toEqual(['good']);
  expect(notes).toEqual(['bad is missing: too long']);
});

test('a panel fails when all its queries do', async () => {
  serve();
  const panel = { ...PANEL, queries: [query('bad')] };
  await expect(fetchPanel(panel, RANGE, new AbortController().signal)).rejects.toThrow('too long');
});

test('a limit is what its legend calls one, and workers where cores are shown', () => {
  const check = (legend: string, unit: string, expected: boolean) =>
    expect(limits({ expr: '', legend, instant: false }, unit)).toBe(expected);
  check('limit at {{instance}}', 'short', true);
  check('{{instance}} Max', 'bytes', true);
  check('workers at {{instance}}', 'cores', true);
  check('workers of {{instance}}', 'short', false);
  check('{{limit}}', 's', false);
  check('maxima', 's', false);
  check('p95', 's', false);
});
