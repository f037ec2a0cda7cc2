import { type Answer, get } from './client';
import type { Entity } from './graph';

export type EntitiesFound = {
  entities: Entity[];
  /** What the server took the words for: `type service`, `having an assertion`. */
  search?: { understood: string[] };
};

/** `GET /api/v1/entities?search=…` */
export function fetchEntities(search: string, abort?: AbortSignal): Promise<Answer<EntitiesFound>> {
  return get('/api/v1/entities', { search }, abort);
}
