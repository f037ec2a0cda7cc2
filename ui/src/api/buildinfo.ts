import { type Answer, get } from './client';

/** `version` is that of Prometheus's API which the server speaks; `pyrometerVersion` is its own. */
export type BuildInfo = { version: string; pyrometerVersion?: string };

/** `GET /api/v1/status/buildinfo`. */
export function fetchBuildInfo(abort?: AbortSignal): Promise<Answer<BuildInfo>> {
  return get('/api/v1/status/buildinfo', {}, abort);
}
