import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AlertsPage } from '../src/pages/alerts/AlertsPage';
import { HistoryPage } from '../src/pages/alerts/HistoryPage';
import { RulesPage } from '../src/pages/alerts/RulesPage';
import { forgetServer } from '../src/api/notifications';
import { followLinks, navigate } from '../src/state/url';
import { groups } from './fixtures/rules';
import { serve } from './serve';

const RULES = '/api/v1/rules';

let unfollow = () => {};

beforeEach(() => {
  forgetServer();
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

test('Alerts shows firing before pending', async () => {
  serve({ [RULES]: { groups } });
  render(<AlertsPage />);
  const names = await screen.findAllByRole('button', { name: /FlaskErrorRatioHigh/ });
  expect(names[0]?.textContent).not.toContain('pending');
  expect(names[1]?.textContent).toContain('pending');
  checkHarmless();
});

test('an alert opens to its facts, and the URL says so', async () => {
  serve({ [RULES]: { groups } });
  render(<AlertsPage />);
  const [first] = await screen.findAllByRole('button', { name: /FlaskErrorRatioHigh/ });
  fireEvent.click(first as HTMLElement);
  expect(first?.getAttribute('aria-expanded')).toBe('true');
  expect(window.location.search).toMatch(/open=[0-9a-f]{8}/);
  screen.getByRole('heading', { name: 'What to do' });
  screen.getByText(/Fires once true for 30 s/);
  expect(screen.getByRole('link', { name: 'https://example.org/a' }).getAttribute('rel')).toContain(
    'noopener',
  );
  checkHarmless();
});

test('a label that is pressed is asked for, and can be let go', async () => {
  serve({ [RULES]: { groups } });
  navigate('/alerts?group=none');
  render(<AlertsPage />);
  const rows = await screen.findAllByRole('button', { name: /FlaskErrorRatioHigh/ });
  fireEvent.click(rows[1] as HTMLElement);
  fireEvent.click(screen.getByTitle('Only alerts with this job'));
  expect(new URLSearchParams(window.location.search).get('labels')).toBe('job="cart"');
  const shown = () => document.querySelectorAll('table.alerts tr.row');
  await vi.waitFor(() => expect(shown()).toHaveLength(1));
  fireEvent.click(screen.getByTitle('Ask for it no more'));
  await vi.waitFor(() => expect(shown()).toHaveLength(2));
});

test('Alerts can be filtered by any text of theirs, and grouped by what the URL says', async () => {
  serve({ [RULES]: { groups } });
  navigate('/alerts?filter=cart&group=service');
  render(<AlertsPage />);
  await screen.findByText('cart: 17 % of requests fail');
  expect(screen.getAllByRole('rowheader').map((it) => it.textContent)).toEqual([
    'cart1',
    'FlaskErrorRatioHighpending',
  ]);
});

test('a filter that no alert fits says so and can be taken away', async () => {
  serve({ [RULES]: { groups } });
  navigate('/alerts?labels=job%3D%22nobody%22');
  render(<AlertsPage />);
  fireEvent.click(await screen.findByRole('button', { name: 'Show all' }));
  expect(await screen.findAllByRole('button', { name: /FlaskErrorRatioHigh/ })).toHaveLength(2);
});

test('Alerts without rules says where rules come from', async () => {
  serve({ [RULES]: { groups: [] } });
  render(<AlertsPage />);
  await screen.findByRole('heading', { name: 'No rules yet' });
});

test('Rules says what fails and what was not evaluated, and can show only those', async () => {
  serve({ [RULES]: { groups } });
  render(<RulesPage />);
  await screen.findByText('Failing: many-to-many matching not allowed');
  screen.getByText('Not evaluated yet', { selector: '.cut' });
  fireEvent.click(screen.getByRole('button', { name: '1 failing' }));
  expect(window.location.search).toBe('?state=failing');
  await vi.waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(3));
  checkHarmless();
});

test('a rule opens to its alerts and its runbook', async () => {
  serve({ [RULES]: { groups } });
  render(<RulesPage />);
  fireEvent.click(await screen.findByRole('button', { name: 'FlaskErrorRatioHigh' }));
  screen.getByText(/must hold for 30 s/);
  screen.getByText('cart: 17 % of requests fail');
  screen.getByRole('heading', { name: 'What to do' });
  checkHarmless();
});

test('History shows what fired, how often and how long', async () => {
  const end = Math.floor(Date.now() / 1000);
  const at = (s: number) => Math.floor((end - s) / 5) * 5;
  serve({
    [RULES]: { groups },
    '/api/v1/query_range': {
      resultType: 'matrix',
      result: [
        {
          metric: { alertname: 'Hostile<b>', alertstate: 'firing', job: 'cart' },
          values: [
            [at(600), '1'],
            [at(595), '1'],
            [at(300), '1'],
          ],
        },
      ],
    },
  });
  render(<HistoryPage />);
  const row = (await screen.findByRole('button', { name: /Hostile/ })).closest('tr');
  const cells = within(row as HTMLElement).getAllByRole('cell');
  expect(cells.map((cell) => cell.textContent)).toContain('2');
  screen.getByText('1 alert fired 2 times');
  checkHarmless();
});
