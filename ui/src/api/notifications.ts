import { type Answer, get, send, unlessAbsent } from './client';
import type { Labels } from './query';

/** One way in which a receiver is told. */
export type Way = {
  /** `on-call/webhook[0]` */
  integration: string;
  kind: string;
  sendResolved: boolean;
  /** `failing`: the last try failed and it goes on; `failed`: it was given up. */
  state: 'good' | 'failing' | 'failed' | 'unused';
  waiting: number;
  oldestWaiting: string | null;
  lastSent: string | null;
  lastFailed: string | null;
  lastError: string | null;
};

/** An Alertmanager that is told, too. */
export type ForwardedTo = {
  url: string;
  sent: number;
  errors: number;
  dropped: number;
  lastSent: string | null;
  lastError: string | null;
};

export type Receivers = {
  /** The file that says who is told; null without one. */
  file: string | null;
  receivers: { name: string; integrations: Way[] }[];
  alertmanagers: ForwardedTo[];
};

export type Route = {
  id: number;
  key: string;
  receiver: string;
  /** `{severity="critical"}` */
  matchers: string;
  continue: boolean;
  groupBy: string[];
  groupWait: string;
  groupInterval: string;
  repeatInterval: string;
  muteTimeIntervals: string[];
  activeTimeIntervals: string[];
  routes: Route[];
};

/** A route that an alert takes. */
export type Taken = {
  id: number;
  receiver: string;
  integrations: string[];
  groupLabels: Labels;
  /** Whether its times keep it quiet at this moment. */
  quietNow: boolean;
};

export type Sent = {
  id: number;
  receiver: string | null;
  integration: string;
  title: string;
  state: 'waiting' | 'sending' | 'sent' | 'failed';
  reason: string;
  severity: string;
  firing: number;
  resolved: number;
  attempts: number;
  createdAt: string;
  finishedAt: string | null;
  /** The message that it went out with. */
  sentWith: number | null;
  answer: string | null;
};

export function fetchReceivers(abort?: AbortSignal): Promise<Answer<Receivers>> {
  return get('/api/v1/notifications/receivers', {}, abort);
}

export function fetchRoutes(abort?: AbortSignal): Promise<Answer<Route>> {
  return get('/api/v1/notifications/routes', {}, abort);
}

/** The routes that an alert with these labels would take. */
export function fetchTaken(
  labels: Labels,
  abort?: AbortSignal,
): Promise<Answer<{ routes: Taken[] }>> {
  return get('/api/v1/notifications/route', labels, abort);
}

/** What was sent, newest first; `before` is the `next` of the page above. */
export function fetchSent(
  params: { receiver?: string; before?: number; limit?: number },
  abort?: AbortSignal,
): Promise<Answer<{ notifications: Sent[]; next: number | null }>> {
  return get('/api/v1/notifications', params, abort);
}

export type TestResult = { integration: string; ok: boolean; answer: string };

/** Sends a marked test to a receiver, and waits for what it answers. */
export function testReceiver(receiver: string): Promise<Answer<{ results: TestResult[] }>> {
  const query = new URLSearchParams({ receiver });
  return send('POST', `/api/v1/notifications/test?${query}`);
}

let asked: Promise<boolean> | undefined;

/**
 * Whether this server has a notifier: one that has none would answer each question below with an
 * error. It does not change while a page is open, so it is asked once.
 */
export async function notifies(): Promise<boolean> {
  asked ??= unlessAbsent(get<Record<string, string>>('/api/v1/status/flags')).then(
    ({ data }) => data !== null && Object.hasOwn(data, 'notifications'),
  );
  try {
    return await asked;
  } catch (error) {
    asked = undefined;
    throw error;
  }
}

/** For tests, which have one server after the other. */
export function forgetServer(): void {
  asked = undefined;
}
