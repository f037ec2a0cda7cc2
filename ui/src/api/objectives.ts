import { type Answer, get, send } from './client';
import type { ShapeState } from '../parts/StateBadge';

export type Window =
  { kind: 'rolling'; days: number } | { kind: 'calendar'; unit: string; zone: string };

export type Indicator = {
  kind: 'availability' | 'latency' | 'events' | 'threshold';
  limit_seconds?: number;
  bad?: string;
  good?: string;
  total?: string;
  counter?: boolean;
  query?: string;
  op?: string;
  value?: number;
};

export type Entity = { type: string; name: string; scope: Record<string, string> };

/** What an objective is, and what is sent to make or change one. */
export type Wish = {
  id?: string;
  title?: string;
  description: string;
  entity: Entity;
  indicator: Indicator;
  by: 'requests' | 'minutes';
  minute_target?: number;
  target: number;
  window: Window;
  floor?: number;
};

export type Budget = {
  total: number;
  spent: number;
  left: number;
  left_ratio: number;
  total_seconds: number;
  left_seconds: number;
  exhausted_in_seconds: number | null;
};

export type Burn = { window_seconds: number; rate: number | null; bad: number; total: number };

export type BurnAlert = {
  name: string;
  burn: string;
  severity: string;
  factor: number;
  long_seconds: number;
  short_seconds: number;
  state: string;
  since_ms: number | null;
  can_fire: boolean;
};

export type Standing = {
  state: ShapeState;
  sentence: string;
  since_ms: number | null;
  start_ms: number;
  end_ms: number;
  good_ratio: number | null;
  bad: number;
  total: number;
  measured_seconds: number;
  elapsed_seconds: number;
  newest_ms: number | null;
  budget: Budget | null;
  burns: Burn[];
  alerts: BurnAlert[];
  spark: number[];
};

export type Objective = Wish & {
  id: string;
  title: string;
  service: string | null;
  /** The file that it comes from; only there it can be changed. */
  file?: string;
  window_words: string;
  standing: Standing;
};

export type ObjectiveDetail = Objective & {
  burn_down: [number, number][];
  queries: {
    recorded_events: string;
    recorded_bad_events: string;
    events: string;
    bad_events: string;
    good_ratio: string;
    burns: [number, string][];
    alerts: [string, string][];
  };
  note?: string;
};

export type Suggestion = {
  objective: Wish & { id: string; title: string };
  service: string | null;
  good_ratio: number;
  events: number;
  measured_seconds: number;
  exists: boolean;
};

/** `GET /api/v1/objectives`. */
export function fetchObjectives(
  abort?: AbortSignal,
): Promise<Answer<{ objectives: Objective[]; at_ms: number }>> {
  return get('/api/v1/objectives', {}, abort);
}

/** `GET /api/v1/objectives/<id>`. */
export function fetchObjective(id: string, abort?: AbortSignal): Promise<Answer<ObjectiveDetail>> {
  return get(`/api/v1/objectives/${encodeURIComponent(id)}`, {}, abort);
}

/** `GET /api/v1/objectives/suggestions`. */
export function fetchSuggestions(
  abort?: AbortSignal,
): Promise<Answer<{ suggestions: Suggestion[] }>> {
  return get('/api/v1/objectives/suggestions', {}, abort);
}

/** What can be asked of an entity: whether failures are measured, and limits of latency. */
export function fetchBounds(
  { type, name, scope }: Entity,
  abort?: AbortSignal,
): Promise<Answer<{ availability: boolean; bounds: number[] }>> {
  return get('/api/v1/objectives/bounds', { type, name, ...scope }, abort);
}

export function saveObjective(wish: Wish, id: string | null): Promise<Answer<{ id: string }>> {
  if (id === null) return send('POST', '/api/v1/objectives', wish);
  return send('PUT', `/api/v1/objectives/${encodeURIComponent(id)}`, wish);
}

export function removeObjective(id: string): Promise<Answer<{ removed: string }>> {
  return send('DELETE', `/api/v1/objectives/${encodeURIComponent(id)}`);
}
