import { type Answer, get } from './client';

export type ServiceState = 'critical' | 'warning' | 'good' | 'unknown';
export type Severity = 'critical' | 'warning' | 'info';
export type Unit = 'reqps' | 'percentunit' | 's' | 'bytes' | 'binBps' | 'short' | 'cores' | 'ops';

export type ServiceAlert = {
  name: string;
  severity: string;
  state: 'firing' | 'pending';
  active_at_ms: number;
  summary: string | null;
  /** The KPI that it is about. */
  kpi: KpiName | null;
  value: number | null;
};

export type Kpi = {
  unit: Unit;
  now: number | null;
  /** One entry a step of `steps_ms`, null for a gap. Absent where no range was asked. */
  values?: (number | null)[];
};

export type KpiName = 'rate' | 'errors' | 'p95';

export type Service = {
  name: string;
  framework: string | null;
  runtime: string | null;
  version: string | null;
  packs: string[];
  state: ServiceState;
  sentence: string | null;
  since_ms: number | null;
  instances: { up: number; total: number };
  workers: number | null;
  changed_ms: number | null;
  alerts: ServiceAlert[];
  /** A KPI that no pack provides is absent. */
  kpis: Partial<Record<KpiName, Kpi>>;
  note: string | null;
};

export type Services = {
  services: Service[];
  steps_ms?: number[];
  scrape_interval_s: number;
};

/** `GET /api/v1/services`. Times in Unix seconds. */
export function fetchServices(
  range: { start: number; end: number; step: number } | undefined,
  abort?: AbortSignal,
): Promise<Answer<Services>> {
  return get('/api/v1/services', range, abort);
}
