import { type Answer, get, type Params } from './client';
import type { Entity, EntityRef, Relation } from './graph';
import type { Unit } from './services';

/** Which way a number should go, as far as that means anything. */
export type Good = 'high' | 'low' | 'steady';

export type EntityKpi = {
  /** `error_ratio`, `latency_p95`, `saturation:memory`, … */
  name: string;
  unit: Unit;
  good?: Good | string | null;
  query: string;
  value: number | null;
};

export type EntityDetail = {
  entity: Entity;
  relations: Relation[];
  /** The entities at the other ends of the relations. */
  neighbours: Entity[];
  kpis: EntityKpi[];
  /** The id has the pack's name before it: `flask/overview`. */
  dashboards: { pack: string; id: string; title: string; job: string }[];
  /** Which rules made it, each with a series that it was read from. */
  why: { rule: string; series: string }[];
};

/** `GET /api/v1/entity` at one time, in Unix seconds. */
export function fetchEntity(
  { type, name, scope }: EntityRef,
  time: number | undefined,
  abort?: AbortSignal,
): Promise<Answer<EntityDetail>> {
  const params: Params = { ...scope, type, name, time };
  return get('/api/v1/entity', params, abort);
}
