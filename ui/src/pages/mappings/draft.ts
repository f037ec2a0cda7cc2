import type { Condition, Mapping } from '../../api/mappings';

/** What stands in the form, as typed. */
export type Draft = {
  name: string;
  entityType: string;
  labels: string;
  scope: string;
  kpi: string;
  resource: string;
  metric: string;
  other: string;
  type: string;
  unit: string;
  filters: string;
  errors: string;
  quantiles: string;
};

export const EMPTY: Draft = {
  name: '',
  entityType: 'service',
  labels: 'service, job',
  scope: '',
  kpi: 'request_rate',
  resource: '',
  metric: '',
  other: '',
  type: 'counter',
  unit: '',
  filters: '',
  errors: '',
  quantiles: '0.95',
};

export const KPIS: Record<string, string> = {
  request_rate: 'Requests',
  errors: 'Errors',
  client_errors: 'Client errors (4xx)',
  availability: 'Availability',
  latency_average: 'Latency, average',
  latency_quantile: 'Latency, quantile',
  saturation: 'Saturation of a resource',
  resource: 'Resource, in its own unit',
  up: 'Up or down',
};

export const TYPES = ['counter', 'gauge', 'histogram', 'summary'];

const TIMES = ['seconds', 'milliseconds', 'microseconds', 'nanoseconds'];
const FLOWS = ['per_second', 'per_minute', 'per_step'];
const SHARES = ['ratio', 'percent'];

export const isShare = (kpi: string) =>
  kpi === 'errors' || kpi === 'client_errors' || kpi === 'availability';

/** What the second metric is, where a KPI can have one; null where it has none. */
export function otherMetric({ kpi, type }: Draft): string | null {
  if (isShare(kpi)) return 'All of them, if another metric counts those';
  if (kpi === 'saturation') return 'The limit: a number or a metric';
  if (kpi === 'latency_average' && type === 'counter') return 'How many: the metric of the count';
  return null;
}

/** The units that make sense; none when there is nothing to choose. */
export function unitsOf(draft: Draft): string[] {
  const { kpi, type, other, errors } = draft;
  const gauge = type === 'gauge';
  switch (kpi) {
    case 'request_rate':
      return gauge ? FLOWS : [];
    case 'errors':
    case 'client_errors':
    case 'availability':
      if (!gauge) return [];
      return other.trim() === '' && errors.trim() === '' ? SHARES : FLOWS;
    case 'latency_average':
    case 'latency_quantile':
      return TIMES;
    case 'saturation':
      return other.trim() === '' ? SHARES : [];
    case 'up':
      return SHARES;
    default:
      return gauge ? ['none', 'bytes', 'seconds', 'percent', 'ratio'] : [];
  }
}

/** `a, b` as a list. */
function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const one = (names: string[]) => (names.length === 1 ? (names[0] ?? '') : names);

/** `status=~"5.."`, quotes or not. */
export function conditionOf(text: string): Condition | null {
  const found = /^\s*([^=!~\s]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text);
  if (found === null) return null;
  const [, label = '', op = '', raw = ''] = found;
  return { label, op, value: unquoted(raw) };
}

function unquoted(raw: string): string {
  if (!/^".*"$/s.test(raw)) return /^'(.*)'$/s.exec(raw)?.[1] ?? raw;
  try {
    return String(JSON.parse(raw));
  } catch {
    // A regular expression as people type it: "\d+".
    return raw.slice(1, -1);
  }
}

/** Scope labels: `namespace, service=job`. */
function scopeOf(text: string): Record<string, string> {
  const pairs = listOf(text).map((part) => {
    const [name = '', from = name] = part.split('=').map((side) => side.trim());
    return [name, from] as const;
  });
  return Object.fromEntries(pairs);
}

/** The mapping that the form says. The server judges it. */
export function mappingOf(draft: Draft): Mapping {
  const { kpi, type } = draft;
  const [metric, other] = [one(listOf(draft.metric)), draft.other.trim()];
  const scope = scopeOf(draft.scope);
  const labels = listOf(draft.labels);
  const units = unitsOf(draft);
  const errors = isShare(kpi) ? conditionOf(draft.errors) : null;
  const filters = draft.filters
    .split('\n')
    .map(conditionOf)
    .filter((condition) => condition !== null);
  const average = kpi === 'latency_average' && other !== '';
  return {
    ...(draft.name.trim() !== '' && { name: draft.name.trim() }),
    entity: {
      type: draft.entityType,
      ...(labels.length > 0 && { label: labels }),
      ...(Object.keys(scope).length > 0 && { scope }),
    },
    kpi,
    ...((kpi === 'saturation' || kpi === 'resource') && { resource: draft.resource.trim() }),
    ...(average ? { sum: metric, count: other } : { metric }),
    ...(isShare(kpi) && other !== '' && { total: other }),
    ...(kpi === 'saturation' && other !== '' && { limit: other }),
    type,
    ...(units.length > 0 && { unit: units.includes(draft.unit) ? draft.unit : units[0] }),
    ...(filters.length > 0 && { filters }),
    ...(errors !== null && { errors }),
    ...(kpi === 'latency_quantile' && { quantiles: listOf(draft.quantiles).map(Number) }),
  };
}

const joined = (names: string | string[] | undefined) =>
  typeof names === 'string' ? names : (names ?? []).join(', ');

const shown = ({ label, op, value }: Condition) => `${label}${op}${JSON.stringify(value)}`;

/** The form of a saved mapping. */
export function draftOf(mapping: Mapping): Draft {
  const { entity, kpi } = mapping;
  const scope = Object.entries(entity.scope ?? {});
  return {
    name: mapping.name ?? '',
    entityType: entity.type,
    labels: (entity.label ?? []).join(', '),
    scope: scope.map(([name, from]) => (name === from ? name : `${name}=${from}`)).join(', '),
    kpi,
    resource: mapping.resource ?? '',
    metric: joined(mapping.metric ?? mapping.sum),
    other: joined(mapping.total ?? mapping.count) || String(mapping.limit ?? ''),
    type: mapping.type ?? 'gauge',
    unit: mapping.unit ?? '',
    filters: (mapping.filters ?? []).map(shown).join('\n'),
    errors: mapping.errors === undefined ? '' : shown(mapping.errors),
    quantiles: (mapping.quantiles ?? [0.95]).join(', '),
  };
}
