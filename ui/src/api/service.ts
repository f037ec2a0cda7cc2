import { type Answer, get } from './client';
import type { Service, Unit } from './services';

export type Instance = {
  instance: string;
  health: 'up' | 'down' | 'unknown';
  last_scrape_ms: number | null;
  last_error: string | null;
  samples: number | null;
};

export type Detection = {
  pack: string;
  title: string;
  why: string;
  variants: Record<string, string>;
  /** `reference`: the pack was not tried with the software itself. */
  verified: 'real' | 'reference';
};

export type PanelQuery = { expr: string; legend: string; instant: boolean };
export type Threshold = { value: number; severity: string; name: string };

export type Panel = {
  id: string;
  title: string;
  help?: string | null;
  type: 'timeseries' | 'table' | 'stat';
  unit: Unit;
  /** In columns of 24. */
  width: number;
  stack?: boolean;
  from_zero?: boolean;
  thresholds?: Threshold[];
  queries: PanelQuery[];
};

export type Dashboard = {
  id: string;
  title: string;
  rows: { title: string; panels: Panel[] }[];
};

export type ServiceDetail = {
  service: Service;
  instances: Instance[];
  detections: Detection[];
  dashboards: Dashboard[];
};

/** `GET /api/v1/services/<name>`. `window` is a duration such as `5m`; the server has a default. */
export function fetchService(
  name: string,
  window: string | undefined,
  abort?: AbortSignal,
): Promise<Answer<ServiceDetail>> {
  return get(`/api/v1/services/${encodeURIComponent(name)}`, { window }, abort);
}
