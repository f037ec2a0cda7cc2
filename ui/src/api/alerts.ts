import { type Answer, get } from './client';
import type { Alert } from './rules';

/** `GET /api/v1/alerts`: active and pending alerts, without their rules. */
export function fetchAlerts(abort?: AbortSignal): Promise<Answer<{ alerts: Alert[] }>> {
  return get('/api/v1/alerts', {}, abort);
}
