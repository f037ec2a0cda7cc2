import { cleanup, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import alerts from '../../tests/api/alerts.json';
import rules from '../../tests/api/rules.json';
import service from '../../tests/api/service.json';
import services from '../../tests/api/services.json';
import type { Envelope } from '../src/api/client';
import type { Alert, RuleGroup } from '../src/api/rules';
import type { ServiceDetail } from '../src/api/service';
import type { Services } from '../src/api/services';
import { AlertsPage } from '../src/pages/alerts/AlertsPage';
import { HomePage } from '../src/pages/home/HomePage';
import { ServicePage } from '../src/pages/service/ServicePage';
import { navigate } from '../src/state/url';
import { serve } from './serve';

// The answers that the server's own tests wrote: if a field moves, this file does not compile.

/** A wire type as TypeScript reads JSON: every string is any string. */
type AsJson<T> = T extends string
  ? string
  : T extends readonly (infer Item)[]
    ? AsJson<Item>[]
    : T extends object
      ? { [Key in keyof T]: AsJson<T[Key]> }
      : T;

/** The envelope's data; the status is read where the answer is unwrapped. */
type Data<T> = { status: string; data: AsJson<T> };

services satisfies Data<Services>;
service satisfies Data<ServiceDetail>;
rules satisfies Data<{ groups: RuleGroup[] }>;
alerts satisfies Data<{ alerts: Alert[] }>;

beforeEach(() => {
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe = () => {};
      disconnect = () => {};
    },
  );
  navigate('/');
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test('every golden answer is a success in the envelope', () => {
  for (const answer of [services, service, rules, alerts]) {
    expect((answer as Envelope<unknown>).status).toBe('success');
  }
});

test('Home shows every service of the golden answer with its sentence or note', async () => {
  serve({ '/api/v1/services': services.data });
  render(<HomePage />);
  for (const { name, sentence, note } of services.data.services) {
    await screen.findByText(name);
    const words = sentence ?? note;
    if (words !== null) expect(screen.getAllByText(words).length).toBeGreaterThan(0);
  }
});

test('Alerts shows every alert of the golden answer, and Deadman last', async () => {
  serve({ '/api/v1/rules': rules.data });
  render(<AlertsPage />);
  const raised = rules.data.groups.flatMap((group) =>
    group.rules.flatMap((rule) => ('alerts' in rule ? (rule.alerts ?? []) : [])),
  );
  await screen.findByRole('heading', { name: 'Alerts' });
  expect(document.querySelectorAll('table.alerts:not(.rules-table) tr.row')).toHaveLength(
    raised.length,
  );
});

test('a rule that can say nothing yet is not shown as armed, and says what it waits for', async () => {
  serve({ '/api/v1/rules': rules.data });
  render(<AlertsPage />);
  const waiting = rules.data.groups.flatMap((group) =>
    group.rules.flatMap((rule) => ('notEvaluable' in rule ? [rule] : [])),
  );
  expect(waiting.length).toBeGreaterThan(0);
  await screen.findByRole('heading', { name: 'Alerts' });
  const table = document.querySelector<HTMLElement>('.rules-table');
  for (const { name, notEvaluable } of waiting) {
    const row = within(table as HTMLElement)
      .getByTitle(name)
      .closest('tr');
    expect(row?.textContent).toContain('Says nothing yet');
    expect(row?.textContent).toContain(notEvaluable);
    expect(row?.className).not.toContain('good');
  }
});

test('the page of a service has all panels of the golden answer', async () => {
  const { name } = service.data.service;
  serve({ [`/api/v1/services/${name}`]: service.data });
  render(<ServicePage name={name} />);
  const panels = service.data.dashboards.flatMap((it) => it.rows.flatMap((row) => row.panels));
  await screen.findByRole('heading', { name: new RegExp(name) });
  for (const { title } of panels) {
    expect(screen.getAllByRole('region', { name: title }).length).toBeGreaterThan(0);
  }
});
