import { type Answer, getPlain, send } from './client';
import type { Labels } from './query';

// Alertmanager's API v2, without Prometheus's envelope.

export type WireMatcher = { name: string; value: string; isRegex: boolean; isEqual?: boolean };

export type Silence = {
  id: string;
  status: { state: 'active' | 'pending' | 'expired' };
  updatedAt: string;
  matchers: WireMatcher[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
};

/** What is sent for a silence; with an `id` it changes that one. */
export type SilenceDraft = Pick<
  Silence,
  'matchers' | 'startsAt' | 'endsAt' | 'createdBy' | 'comment'
> & { id?: string };

/** An alert as the notifier sees it. */
export type NotifiedAlert = {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
  receivers: { name: string }[];
  status: {
    state: 'unprocessed' | 'active' | 'suppressed';
    silencedBy: string[];
    inhibitedBy: string[];
  };
};

/** `GET /api/v2/alerts`. */
export function fetchNotifiedAlerts(abort?: AbortSignal): Promise<Answer<NotifiedAlert[]>> {
  return getPlain('/api/v2/alerts', {}, abort);
}

/** `GET /api/v2/silences`. */
export function fetchSilences(abort?: AbortSignal): Promise<Answer<Silence[]>> {
  return getPlain('/api/v2/silences', {}, abort);
}

/** `POST /api/v2/silences`: makes one, or changes the one with this `id`. */
export function saveSilence(draft: SilenceDraft): Promise<Answer<{ silenceID: string }>> {
  return send('POST', '/api/v2/silences', draft);
}

/** `DELETE /api/v2/silence/<id>`: ends it now. */
export function expireSilence(id: string): Promise<Answer<null>> {
  return send('DELETE', `/api/v2/silence/${encodeURIComponent(id)}`);
}
