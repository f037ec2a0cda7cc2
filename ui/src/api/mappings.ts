import { type Answer, get, send } from './client';
import type { Unit } from './services';

/** What makes KPIs of metrics; the fields of docs/formats/mapping.md. */
export type Mapping = {
  name?: string;
  entity: { type: string; label?: string[]; name?: string; scope?: Record<string, string> };
  kpi: string;
  resource?: string;
  metric?: string | string[];
  total?: string | string[];
  sum?: string | string[];
  count?: string | string[];
  limit?: string | number;
  type?: string;
  unit?: string;
  step?: string;
  filters?: Condition[];
  errors?: Condition;
  quantiles?: number[];
};

export type Condition = { label: string; op: string; value: string };

export type MappedQuery = { kpi: string; unit: Unit; query: string };

export type SavedMapping = {
  /** `null` for one that stands in the server's file. */
  id: number | null;
  source: 'api' | 'file';
  by?: string;
  /** RFC 3339. */
  at?: string;
  mapping: Mapping;
  queries: MappedQuery[];
};

export type AuditLine = { at: string; by: string; what: string };

export type Mappings = { mappings: SavedMapping[]; audit: AuditLine[] };

export type Preview = {
  mapping: Mapping;
  queries: MappedQuery[];
  kpis: {
    entity: string;
    type: string;
    scope: Record<string, string>;
    kpi: string;
    value: number;
  }[];
  n_kpis: number;
};

const PATH = '/api/v1/mappings';

export function fetchMappings(abort?: AbortSignal): Promise<Answer<Mappings>> {
  return get(PATH, {}, abort);
}

/** What a mapping would yield; nothing is saved. */
export function previewMapping(mapping: Mapping): Promise<Answer<Preview>> {
  return send('POST', `${PATH}/preview`, mapping);
}

export function saveMapping(mapping: Mapping, by: string, id: number | null) {
  const body = { by, entry: mapping };
  return id === null ? send('POST', PATH, body) : send('PUT', `${PATH}/${id}`, body);
}

export function deleteMapping(id: number, by: string) {
  return send('DELETE', `${PATH}/${id}?by=${encodeURIComponent(by)}`);
}

// More than anybody scrolls through; typing narrows.
const NAMES_MAX = 500;

/** Names of metrics that contain a text. */
export function fetchMetricNames(text: string, abort?: AbortSignal): Promise<Answer<string[]>> {
  const safe = text.replace(/[^\w:]/g, '.');
  const match = safe === '' ? undefined : `{__name__=~".*${safe}.*"}`;
  const params = { limit: NAMES_MAX, ...(match !== undefined && { 'match[]': match }) };
  return get('/api/v1/label/__name__/values', params, abort);
}

/** The labels that a metric has; of a histogram those of its count. */
export function fetchLabelNames(metric: string, abort?: AbortSignal): Promise<Answer<string[]>> {
  const quoted = JSON.stringify(`${metric.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(_count)?`);
  return get('/api/v1/labels', { 'match[]': `{__name__=~${quoted}}` }, abort);
}

/** What the exporter says of a metric. */
export function fetchMetricType(
  metric: string,
  abort?: AbortSignal,
): Promise<Answer<Record<string, { type: string }[]>>> {
  return get('/api/v1/metadata', { metric }, abort);
}
