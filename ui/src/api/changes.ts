import { type Answer, get } from './client';
import type { Time } from './times';

export type Change = {
  service: string;
  title: string;
  time: Time;
  version?: string | null;
  link?: string | null;
};

/** `GET /api/v1/changes` within a range, in Unix seconds. */
export function fetchChanges(
  range: { start: number; end: number },
  abort?: AbortSignal,
): Promise<Answer<{ changes: Change[] }>> {
  return get('/api/v1/changes', range, abort);
}
