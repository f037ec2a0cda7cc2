import { expect, test } from 'vitest';

// What the compiler cannot forbid, read from the text of the sources.

const SOURCES = Object.entries(
  import.meta.glob<string>('../src/**/*.{ts,tsx}', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
).filter(([path]) => !path.includes('.test.'));

/** The sources in which `pattern` is found, but for those that may. */
function check(pattern: RegExp, allowed: string[] = []) {
  const found = SOURCES.filter(([, text]) => pattern.test(text)).map(([path]) => path);
  expect(found).toEqual(allowed);
}

test('the sources are found', () => {
  expect(SOURCES.length).toBeGreaterThan(40);
});

test('uPlot is imported by TimeChart alone', () => {
  check(/^import (?!type ).*from 'uplot/m, ['../src/parts/TimeChart.tsx']);
});

test('dagre is imported by the layered layout alone', () => {
  check(/from '@dagrejs/, ['../src/diagnosis/layered.ts']);
});

test('what the diagnosis works out needs no page, no part and no fetch of its own', () => {
  const found = SOURCES.filter(
    ([path, text]) =>
      path.includes('/src/diagnosis/') &&
      /\bfetch\w*\(|from '\.\.\/(pages|panels)|useQuery/.test(text),
  );
  expect(found.map(([path]) => path)).toEqual([]);
});

test('no text of the data can become an element', () => {
  check(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/i);
});

test('nothing is written to the console', () => {
  check(/\bconsole\./);
});

test('no page imports from another page', () => {
  check(
    /from '\.\.\/(home|service|alerts|library|dashboards|targets|not-found|incidents|graph|entity|insights)\//,
  );
});

test('parts and formats never fetch', () => {
  const found = SOURCES.filter(
    ([path, text]) => /\/src\/(parts|format)\//.test(path) && /\bfetch\w*\(|useQuery\(/.test(text),
  );
  expect(found.map(([path]) => path)).toEqual([]);
});
