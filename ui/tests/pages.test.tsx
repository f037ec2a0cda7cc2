import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HomePage } from '../src/pages/home/HomePage';
import { ServicePage } from '../src/pages/service/ServicePage';
import { TargetsPage } from '../src/pages/targets/TargetsPage';
import { refreshNow } from '../src/state/clock';
import { followLinks, navigate } from '../src/state/url';
import { detail, services } from './fixtures/services';
import { targets } from './fixtures/targets';
import { Failure, serve } from './serve';

const SERVICES = '/api/v1/services';
const TARGETS = '/api/v1/targets';

let unfollow = () => {};

beforeEach(() => {
  // Panels ask once they are seen; here everything is.
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      constructor(private readonly report: (entries: { isIntersecting: boolean }[]) => void) {}
      observe = () => this.report([{ isIntersecting: true }]);
      disconnect = () => {};
    },
  );
  navigate('/');
  unfollow = followLinks();
});

afterEach(() => {
  cleanup();
  unfollow();
  vi.unstubAllGlobals();
});

/** No text of the data may become an element, and no link may lead to a script. */
function checkHarmless() {
  expect(document.querySelectorAll('script, img, b')).toHaveLength(0);
  for (const link of document.querySelectorAll('a')) {
    expect(link.getAttribute('href')).toMatch(/^(\/|https?:)/);
  }
}

test('Home shows each service with its state, its sentence and its numbers', async () => {
  serve({ [SERVICES]: services });
  render(<HomePage />);
  const row = (await screen.findByRole('link', { name: /storefront/ })).closest('tr');
  const cells = within(row as HTMLElement);
  cells.getByText('Critical');
  cells.getByText('Errors 24 %, the limit is 5 %');
  cells.getByText('12.4');
  cells.getByText('340');
  expect(row?.textContent).toContain('1 of 2');
});

test('Home says why a service has no numbers', async () => {
  serve({ [SERVICES]: services });
  render(<HomePage />);
  await screen.findByText('down since 12:04: connection refused');
  checkHarmless();
});

test('Home without a service says what to do', async () => {
  serve({ [SERVICES]: { services: [], scrape_interval_s: 5 } });
  render(<HomePage />);
  await screen.findByRole('heading', { name: 'Waiting for the first service' });
  screen.getByText('pip install pyrometer');
  expect(screen.getAllByRole('button', { name: 'Copy' })).toHaveLength(4);
});

test('a state can be filtered and the filter is in the URL', async () => {
  serve({ [SERVICES]: services });
  render(<HomePage />);
  fireEvent.click(await screen.findByRole('button', { name: '1 unknown' }));
  expect(window.location.search).toBe('?state=unknown');
  expect(screen.queryByRole('link', { name: /storefront/ })).toBeNull();
});

test('a failure says what failed and asks again', async () => {
  const asked = serve({ [SERVICES]: new Failure(503, 'too many queries at once') });
  render(<HomePage />);
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('Cannot show the services. Too many queries at once.');
  serve({ [SERVICES]: services });
  fireEvent.click(within(alert).getByRole('button', { name: 'Try again' }));
  await screen.findByRole('link', { name: /storefront/ });
  expect(asked).toHaveLength(1);
});

test('a failure after an answer keeps the answer and says how old it is', async () => {
  serve({ [SERVICES]: services });
  render(<HomePage />);
  await screen.findByRole('link', { name: /storefront/ });
  serve({ [SERVICES]: new Failure(503, 'too busy') });
  refreshNow();
  const note = await screen.findByText(/Shown as of/);
  expect(note.textContent).toContain('Too busy.');
  screen.getByRole('link', { name: /storefront/ });
});

test('what is missing from an answer is said', async () => {
  serve({ [SERVICES]: services }, ['p95 is missing for cart']);
  render(<HomePage />);
  const notes = await screen.findByRole('list', { name: 'Missing from the services' });
  within(notes).getByText('p95 is missing for cart');
});

test('Targets shows the worst first, with its trouble, and needs only what Prometheus gives', async () => {
  serve({ [TARGETS]: targets });
  render(<TargetsPage />);
  await screen.findByText('connection refused');
  const rows = screen.getAllByRole('button', { expanded: false });
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining('127.0.0.1:9400'),
    expect.stringContaining('127.0.0.1:9100'),
  ]);
  screen.getByText('17 lines rejected');
  screen.getByText('never');
});

test('a target opens to its rejected lines as text', async () => {
  serve({ [TARGETS]: targets });
  render(<TargetsPage />);
  for (const name of [/9100/, /9400/]) {
    fireEvent.click(await screen.findByRole('button', { name }));
    checkHarmless();
  }
  fireEvent.click(screen.getByRole('button', { name: /9100/ }));
  screen.getByText('<script>alert(1)</script>');
  screen.getByText('17 rejected lines in the last scrape, the first 1');
});

test('a service shows its sentence, its alerts, its panels and its instances', async () => {
  serve({
    '/api/v1/services/storefront': detail,
    '/api/v1/query': {
      resultType: 'vector',
      result: [
        { metric: { path: '/a' }, value: [1, '0.5'] },
        { metric: { path: '/b' }, value: [1, '1.5'] },
      ],
    },
  });
  render(<ServicePage name="storefront" />);
  await screen.findByRole('heading', { name: /storefront/ });
  screen.getByText('Errors 24 %, the limit is 5 %');
  screen.getByRole('link', { name: 'FlaskErrorRatioHigh' });
  const panel = screen.getByRole('region', { name: 'Slowest routes' });
  const [first] = await within(panel).findAllByRole('rowheader');
  expect(first?.textContent).toBe('/b');
  screen.getByText('connection refused');
});

test('a panel shows its query, to be copied', async () => {
  serve({ '/api/v1/services/storefront': detail });
  render(<ServicePage name="storefront" />);
  fireEvent.click(await screen.findByRole('button', { name: 'Open query' }));
  const panel = screen.getByRole('region', { name: 'Slowest routes' });
  await within(panel).findByRole('button', { name: 'Copy' });
  expect(panel.querySelector('pre')?.textContent).toBe('topk(10, p95)');
});

test('a panel without samples says so in the place of the picture', async () => {
  serve({
    '/api/v1/services/storefront': detail,
    '/api/v1/query': { resultType: 'vector', result: [] },
  });
  render(<ServicePage name="storefront" />);
  await screen.findByText('No samples in this range');
});

test('a service that is unknown says where to look', async () => {
  serve({});
  render(<ServicePage name="nowhere" />);
  await screen.findByRole('heading', { name: 'No service is called nowhere' });
});
