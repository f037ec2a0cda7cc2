import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import objective from '../../tests/api/objective.json';
import suggested from '../../tests/api/objective-suggestions.json';
import objectives from '../../tests/api/objectives.json';
import type { Objective, ObjectiveDetail, Suggestion } from '../src/api/objectives';
import { ObjectivePage } from '../src/pages/objectives/ObjectivePage';
import { ObjectivesPage } from '../src/pages/objectives/ObjectivesPage';
import { navigate } from '../src/state/url';
import { Failure, serve } from './serve';

// The answers that the server's own tests wrote: if a field moves, this file does not compile.

/** A wire type as TypeScript reads JSON: every string is any string. */
type AsJson<T> = T extends string
  ? string
  : T extends readonly (infer Item)[]
    ? AsJson<Item>[]
    : T extends object
      ? { [Key in keyof T]: AsJson<T[Key]> }
      : T;

objectives satisfies { status: string; data: AsJson<{ objectives: Objective[]; at_ms: number }> };
objective satisfies { status: string; data: AsJson<ObjectiveDetail> };
suggested satisfies { status: string; data: AsJson<{ suggestions: Suggestion[] }> };

const SUGGESTIONS = '/api/v1/objectives/suggestions';

beforeEach(() => {
  for (const name of ['IntersectionObserver', 'ResizeObserver']) {
    vi.stubGlobal(
      name,
      class {
        observe = () => {};
        disconnect = () => {};
      },
    );
  }
  navigate('/objectives');
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test('the list shows what is asked for, what is, and what is left', async () => {
  serve({ '/api/v1/objectives': objectives.data });
  render(<ObjectivesPage />);
  const link = await screen.findByRole('link', { name: /storefront answers/ });
  const row = link.closest('tr');
  expect(row?.textContent).toContain('99.5\u00a0%');
  expect(row?.textContent).toContain('of the error budget left');
  expect(link.getAttribute('href')).toContain('/objectives/storefront-availability');
});

test('without an objective the page suggests some, and three presses make one', async () => {
  const asked = serve({
    '/api/v1/objectives': { objectives: [], at_ms: 0 },
    [SUGGESTIONS]: suggested.data,
  });
  render(<ObjectivesPage />);
  await screen.findByRole('heading', { name: 'How well must your services work?' });
  const box = await screen.findByRole('checkbox', { name: /catalog answers without errors/ });
  const make = screen.getByRole<HTMLButtonElement>('button', { name: 'Choose some' });
  expect(make.disabled).toBe(true);
  fireEvent.click(box);
  fireEvent.click(await screen.findByRole('button', { name: 'Make 1 objective' }));
  await vi.waitFor(() => {
    expect(asked.filter((url) => url === '/api/v1/objectives').length).toBeGreaterThan(1);
  });
});

test('what failed is said, with a way to ask again', async () => {
  serve({ '/api/v1/objectives': new Failure(503, 'the store is busy') });
  render(<ObjectivesPage />);
  expect((await screen.findByRole('alert')).textContent).toContain('The store is busy');
});

test('the page of one shows its burns, its alerts and its queries', async () => {
  serve({ '/api/v1/objectives/storefront-availability': objective.data });
  render(<ObjectivePage id="storefront-availability" />);
  const burns = await screen.findByRole('table', { name: 'Burn rates' });
  expect(within(burns).getAllByRole('row')).toHaveLength(6);
  const alerts = screen.getByRole('table', { name: 'Alerts' });
  expect(within(alerts).getAllByText('not judged yet')).toHaveLength(3);
  expect(screen.getByText('Queries')).toBeTruthy();
});
