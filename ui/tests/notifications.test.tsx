import { cleanup, fireEvent, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Silence } from '../src/api/alertmanager';
import { forgetServer } from '../src/api/notifications';
import { AlertsPage } from '../src/pages/alerts/AlertsPage';
import { NotificationsPage } from '../src/pages/alerts/NotificationsPage';
import { SilencesPage } from '../src/pages/alerts/SilencesPage';
import { followLinks, navigate } from '../src/state/url';
import { groups } from './fixtures/rules';

const FLAGS = { notifications: '' };
const SILENCE: Silence = {
  id: 'abc',
  status: { state: 'active' },
  updatedAt: '2026-01-01T00:00:00Z',
  matchers: [{ name: 'job', value: 'cart', isRegex: false, isEqual: true }],
  startsAt: new Date(Date.now() - 3_600_000).toISOString(),
  endsAt: new Date(Date.now() + 3_600_000).toISOString(),
  createdBy: 'ann',
  comment: '<img src=x onerror=alert(1)>',
};
const MUTED = {
  fingerprint: '1',
  labels: { alertname: 'FlaskErrorRatioHigh', job: 'payments', severity: 'critical', dc: 'eu' },
  annotations: {},
  startsAt: '2026-01-01T00:00:00Z',
  endsAt: '2026-01-01T00:00:00Z',
  receivers: [],
  status: { state: 'suppressed', silencedBy: ['abc'], inhibitedBy: [] },
};
const WAY = {
  kind: 'webhook',
  sendResolved: true,
  waiting: 0,
  oldestWaiting: null,
  lastSent: null,
  lastFailed: null,
  lastError: null,
};
const ROUTE = {
  id: 0,
  key: '{}',
  receiver: 'chat',
  matchers: '{}',
  continue: false,
  groupBy: ['alertname'],
  groupWait: '30s',
  groupInterval: '5m',
  repeatInterval: '4h',
  muteTimeIntervals: [],
  activeTimeIntervals: [],
};
const TREE = {
  ...ROUTE,
  routes: [{ ...ROUTE, id: 1, receiver: 'on-call', matchers: '{severity="critical"}', routes: [] }],
};

type Sent = { method: string; url: string; body: unknown };

/** A server that notifies: answers by path, plain under /api/v2; what was changed is kept. */
function serve(answers: Record<string, unknown>): Sent[] {
  const sent: Sent[] = [];
  const all: Record<string, unknown> = {
    '/api/v1/status/flags': FLAGS,
    '/api/v1/rules': { groups },
    '/api/v2/alerts': [MUTED],
    '/api/v2/silences': [SILENCE],
    ...answers,
  };
  vi.stubGlobal('fetch', async (url: string, options: RequestInit = {}) => {
    const path = url.split('?')[0] ?? '';
    const method = options.method ?? 'GET';
    if (method !== 'GET') {
      const body = typeof options.body === 'string' ? (JSON.parse(options.body) as unknown) : null;
      sent.push({ method, url, body });
    }
    const answer = all[`${method} ${path}`] ?? all[path];
    if (answer === undefined) return new Response('"there is no such endpoint"', { status: 404 });
    if (answer instanceof Response) return answer.clone();
    const plain = path.startsWith('/api/v2');
    return new Response(JSON.stringify(plain ? answer : { status: 'success', data: answer }));
  });
  return sent;
}

let unfollow = () => {};

beforeEach(() => {
  forgetServer();
  // happy-dom has no modal dialogs; open is what matters here.
  HTMLDialogElement.prototype.showModal ??= function open(this: HTMLDialogElement) {
    this.open = true;
  };
  navigate('/');
  unfollow = followLinks();
});

afterEach(() => {
  cleanup();
  unfollow();
  vi.unstubAllGlobals();
});

test('an alert that is silenced says so and stands with what is kept quiet', async () => {
  serve({});
  render(<AlertsPage />);
  await screen.findByRole('rowheader', { name: /Kept quiet/ });
  const rows = [...document.querySelectorAll('tr.row')];
  expect(rows.map((row) => row.closest('tbody')?.className)).toEqual(['pending', 'silenced']);
});

test('an alert is silenced in two presses, and what it matches is shown between them', async () => {
  const sent = serve({});
  render(<AlertsPage />);
  fireEvent.click(
    await screen.findByRole('button', { name: 'Silence FlaskErrorRatioHigh of cart' }),
  );
  const preview = await screen.findByRole('region', { name: 'What it matches now' });
  within(preview).getByText('Matches 1 alert of 2:');
  fireEvent.click(screen.getByRole('button', { name: /^Silence until/ }));
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({
    method: 'POST',
    url: '/api/v2/silences',
    body: {
      matchers: [
        { name: 'alertname', value: 'FlaskErrorRatioHigh', isRegex: false, isEqual: true },
        { name: 'job', value: 'cart', isRegex: false, isEqual: true },
      ],
      createdBy: 'somebody',
    },
  });
});

test('a silence that the server refuses stays open and says why', async () => {
  serve({ 'POST /api/v2/silences': new Response('"the end is in the past"', { status: 400 }) });
  render(<AlertsPage />);
  fireEvent.click(
    await screen.findByRole('button', { name: 'Silence FlaskErrorRatioHigh of cart' }),
  );
  fireEvent.click(await screen.findByRole('button', { name: /^Silence until/ }));
  await screen.findByText('The end is in the past.');
});

test('alerts are shown even where the notifier does not answer', async () => {
  serve({ '/api/v2/alerts': new Response('"busy"', { status: 503 }) });
  render(<AlertsPage />);
  await screen.findByText(/which alerts are silenced is missing/);
  expect(document.querySelectorAll('tr.row')).toHaveLength(2);
});

test('Silences shows who, why and until when, and ends one', async () => {
  const sent = serve({ 'DELETE /api/v2/silence/abc': new Response('') });
  render(<SilencesPage />);
  const row = (await screen.findByRole('button', { name: 'job="cart"' })).closest('tr');
  expect(row?.textContent).toContain('ann');
  expect(row?.textContent).toContain('in 60 min');
  expect(document.querySelector('img')).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'End now' }));
  await vi.waitFor(() => expect(sent[0]?.method).toBe('DELETE'));
});

test('a silence is changed with what it was made of', async () => {
  const sent = serve({});
  render(<SilencesPage />);
  fireEvent.click(await screen.findByRole('button', { name: '+ 1 h' }));
  fireEvent.click(await screen.findByRole('button', { name: /^Save until/ }));
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  const body = sent[0]?.body as { id: string; endsAt: string };
  expect(body.id).toBe('abc');
  const longer = Date.parse(body.endsAt) - Date.parse(SILENCE.endsAt);
  expect(Math.abs(longer - 3_600_000)).toBeLessThan(1_000);
});

test('Notifications shows what does not get through, the routes, and what was sent', async () => {
  navigate('/alerts/notifications?labels=severity%3D%22critical%22');
  serve({
    '/api/v1/notifications/receivers': {
      file: '/etc/alertmanager.yml',
      receivers: [
        { name: 'chat', integrations: [{ ...WAY, integration: 'chat/webhook[0]', state: 'good' }] },
        {
          name: 'on-call',
          integrations: [
            { ...WAY, integration: 'on-call/webhook[0]', state: 'failing', lastError: 'refused' },
          ],
        },
      ],
      alertmanagers: [],
    },
    '/api/v1/notifications/routes': TREE,
    '/api/v1/notifications/route': {
      routes: [
        { id: 1, receiver: 'on-call', integrations: ['a'], groupLabels: {}, quietNow: false },
      ],
    },
    '/api/v1/notifications': {
      notifications: [
        {
          id: 1,
          receiver: 'chat',
          integration: 'chat/webhook[0]',
          title: 'Firing: <b>A</b>',
          state: 'sent',
          reason: 'new',
          severity: 'critical',
          firing: 1,
          resolved: 0,
          attempts: 1,
          createdAt: '2026-01-01T00:00:00Z',
          finishedAt: '2026-01-01T00:00:01Z',
          sentWith: null,
          answer: 'HTTP 200',
        },
      ],
      next: null,
    },
    'POST /api/v1/notifications/test': {
      results: [{ integration: 'on-call/webhook[0]', ok: false, answer: 'refused' }],
    },
  });
  render(<NotificationsPage />);
  await screen.findByText(/Does not get through; it is tried again: refused/);
  await vi.waitFor(() =>
    expect(document.querySelector('.route.taken')?.textContent).toContain('on-call'),
  );
  await screen.findByText('Firing: <b>A</b>');
  fireEvent.click(screen.getByRole('button', { name: 'Send a test to on-call' }));
  await screen.findByText('The test did not arrive');
});

test('without a receiver Notifications says that alerts show here only, and what to do', async () => {
  serve({
    '/api/v1/notifications/receivers': { file: null, receivers: [], alertmanagers: [] },
    '/api/v1/notifications/routes': { ...ROUTE, routes: [] },
  });
  render(<NotificationsPage />);
  await screen.findByRole('heading', { name: /No receiver is configured/ });
  screen.getByText('--notifications FILE');
});

test('a server without a notifier is asked for none of it', async () => {
  serve({ '/api/v1/status/flags': {} });
  render(<SilencesPage />);
  await screen.findByRole('heading', { name: 'This server tells nobody' });
});
