import { beforeEach, expect, test } from 'vitest';
import { hrefTo, navigate, param, path, range, setParams, setRange, zoomIn, zoomOut } from './url';

const search = () => window.location.search;

beforeEach(() => {
  navigate('/start');
  navigate('/alerts?range=1h&filter=disk');
});

test('a link to another page keeps the range and nothing else', () => {
  expect(hrefTo('/targets')).toBe('/targets?range=1h');
  expect(hrefTo('/alerts', { filter: 'x y' })).toBe('/alerts?range=1h&filter=x+y');
});

test('parameters come and go, the others stay', () => {
  setParams({ open: 'abc' });
  expect(search()).toBe('?range=1h&filter=disk&open=abc');
  expect(param('open')).toBe('abc');
  setParams({ open: null, filter: '' });
  expect(search()).toBe('?range=1h');
});

test('the default range leaves no trace in the URL', () => {
  setRange({ kind: 'relative', seconds: 900 });
  expect(search()).toBe('?filter=disk');
  expect(path.value).toBe('/alerts');
});

test('zooming out goes back through the zooms', () => {
  zoomIn(1_000_000, 2_000_000);
  zoomIn(1_200_000, 1_300_000);
  expect(range.value).toEqual({ kind: 'absolute', fromMs: 1_200_000, toMs: 1_300_000 });
  zoomOut();
  expect(range.value).toEqual({ kind: 'absolute', fromMs: 1_000_000, toMs: 2_000_000 });
  zoomOut();
  expect(range.value).toEqual({ kind: 'relative', seconds: 3_600 });
});

test('a page that was opened zoomed zooms out to the default range', () => {
  navigate('/services/a?from=1000000&to=2000000');
  zoomOut();
  expect(range.value).toEqual({ kind: 'relative', seconds: 900 });
});
