import { cleanup, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import alerts from '../../tests/api/alerts.json';
import entities from '../../tests/api/entities.json';
import entity from '../../tests/api/entity.json';
import graph from '../../tests/api/graph.json';
import pack from '../../tests/api/pack.json';
import packs from '../../tests/api/packs.json';
import rules from '../../tests/api/rules.json';
import service from '../../tests/api/service.json';
import services from '../../tests/api/services.json';
import type { Envelope } from '../src/api/client';
import type { EntitiesFound } from '../src/api/entities';
import type { EntityDetail } from '../src/api/entity';
import type { Graph } from '../src/api/graph';
import type { Library, PackDetail } from '../src/api/packs';
import type { Alert, RuleGroup } from '../src/api/rules';
import type { ServiceDetail } from '../src/api/service';
import type { Services } from '../src/api/services';
import { AlertsPage } from '../src/pages/alerts/AlertsPage';
import { RulesPage } from '../src/pages/alerts/RulesPage';
import { DashboardsPage } from '../src/pages/dashboards/DashboardsPage';
import { HomePage } from '../src/pages/home/HomePage';
import { LibraryPage } from '../src/pages/library/LibraryPage';
import { PackPage } from '../src/pages/library/PackPage';
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
packs satisfies Data<Library>;
pack satisfies Data<PackDetail>;
graph satisfies Data<Graph>;
entity satisfies Data<EntityDetail>;
entities satisfies Data<EntitiesFound>;

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
  for (const answer of [services, service, rules, alerts, packs, pack, graph, entity, entities]) {
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
  await screen.findByRole('columnheader', { name: 'Alert' });
  const rows = document.querySelectorAll('table.alerts tr.row');
  expect(rows).toHaveLength(raised.length);
  expect(rows[rows.length - 1]?.textContent).toContain('Deadman');
});

test('a rule that can say nothing yet is not shown as armed, and says what it waits for', async () => {
  serve({ '/api/v1/rules': rules.data });
  render(<RulesPage />);
  const waiting = rules.data.groups.flatMap((group) =>
    group.rules.flatMap((rule) => ('notEvaluable' in rule ? [rule] : [])),
  );
  expect(waiting.length).toBeGreaterThan(0);
  const table = await screen.findByRole('table');
  for (const { name, notEvaluable } of waiting) {
    const row = within(table).getByTitle(name).closest('tr');
    expect(row?.textContent).toContain('Not evaluable');
    expect(row?.textContent).toContain(notEvaluable);
    expect(row?.className).not.toContain('good');
  }
});

test('Library shows every pack, and every service in the coverage', async () => {
  serve({ '/api/v1/packs': packs.data });
  render(<LibraryPage />);
  await screen.findByRole('heading', { name: 'Library' });
  for (const { title } of packs.data.packs) {
    expect(screen.getAllByRole('link', { name: new RegExp(title) }).length).toBeGreaterThan(0);
  }
  const coverage = document.querySelector<HTMLElement>('table.coverage');
  for (const name of packs.data.services) {
    within(coverage as HTMLElement).getByRole('rowheader', { name });
  }
});

test('a pack says where and why it was found, and no alert that cannot judge is green', async () => {
  serve({ '/api/v1/packs/flask': pack.data });
  render(<PackPage id="flask" />);
  await screen.findByRole('heading', { name: 'Flask' });
  for (const { service: name, why } of pack.data.pack.services) {
    const row = screen.getByRole('button', { name: new RegExp(name) }).closest('tr');
    expect(row?.textContent).toContain(why);
  }
  for (const { name, services: judged } of pack.data.alerts) {
    const row = screen.getByRole('button', { name }).closest('tr');
    if (judged.some(({ state }) => state === 'armed')) continue;
    expect(row?.className).toContain('unknown');
    expect(row?.textContent).toMatch(/Not evaluable|Needs data/);
  }
});

test('Dashboards has every dashboard that was detected, for each of its services', async () => {
  serve({ '/api/v1/packs': packs.data });
  render(<DashboardsPage />);
  for (const { dashboards, services: found } of packs.data.packs) {
    for (const { title } of dashboards) {
      const card = (await screen.findByRole('link', { name: title })).closest('li');
      const links = within(card as HTMLElement).getAllByRole('link');
      expect(links).toHaveLength(found.length + 1);
    }
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
