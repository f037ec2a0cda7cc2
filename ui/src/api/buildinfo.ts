import { type Answer, get } from './client';

export type BuildInfo = { version: string; revision?: string };

/** `GET /api/v1/status/buildinfo`. */
export function fetchBuildInfo(abort?: AbortSignal): Promise<Answer<BuildInfo>> {
  return get('/api/v1/status/buildinfo', {}, abort);
}
