import { type Answer, get } from './client';
import type { Severity } from './services';
import type { Time } from './times';

export type Scope = Record<string, string>;
export type EntityRef = { type: string; name: string; scope: Scope };
export type EntityState = 'good' | 'warning' | 'critical' | 'unknown';
export type Category = 'saturation' | 'amend' | 'anomaly' | 'failure' | 'error';

/** What an entity says of an assertion that lasts. */
export type EntityAssertion = {
  name: string;
  category: Category;
  severity: Severity;
  since: Time;
  sentence: string;
};

export type Entity = EntityRef & {
  /** `type/name`, and with a scope `type/name{namespace="x"}`. */
  id: string;
  properties: Record<string, string>;
  state: EntityState;
  assertions: EntityAssertion[];
};

export type Relation = {
  /** `calls`, `runs_on`, `instance_of`, … */
  type: string;
  from: string;
  to: string;
  /** Per second. */
  rate?: number | null;
  /** 0 to 1. */
  error_ratio?: number | null;
  latency_seconds?: number | null;
};

export type Graph = {
  time: Time;
  entities: Entity[];
  relations: Relation[];
  /** There is more than the server gives at once. */
  truncated: boolean;
};

export type GraphQuestion = {
  /** Unix seconds; now without it. */
  time?: number | undefined;
  focus?: string | undefined;
  hops?: number | undefined;
};

/** `GET /api/v1/graph`: entities and relations at one moment. */
export function fetchGraph(
  { time, focus, hops }: GraphQuestion,
  abort?: AbortSignal,
): Promise<Answer<Graph>> {
  return get('/api/v1/graph', { time, focus, hops }, abort);
}
