import { type Answer, get } from './client';
import type { PanelQuery } from './service';

export type Listed = {
  uid: string;
  title: string;
  tags: string[];
  panels: number;
  shown: number;
  error?: string;
};

export type ImportedPanel = {
  id: number;
  /** Which copy of a repeated panel it is, from 0. */
  copy: number;
  title: string;
  help: string;
  type: 'timeseries' | 'stat' | 'gauge' | 'bar' | 'table' | 'heatmap' | 'states' | 'text';
  /** Grafana's word. */
  unit: string;
  min?: number;
  stack: boolean;
  thresholds: { value: number; colour: string }[];
  place: { x: number; y: number; width: number; height: number };
  remarks: string[];
  queries: PanelQuery[];
  text?: string;
};

export type Variable = {
  name: string;
  label: string;
  options: { text: string; value: string }[];
  chosen: string[];
  multi: boolean;
  include_all: boolean;
  hidden: boolean;
  /** Anything may be typed. */
  free: boolean;
  trouble?: string;
};

export type Imported = {
  uid: string;
  title: string;
  help: string;
  tags: string[];
  variables: Variable[];
  rows: { title: string; collapsed: boolean; panels: ImportedPanel[] }[];
  report: {
    panels: number;
    shown: number;
    left_out: { what: string; name: string; reason: string }[];
    remarks: { panel: string; text: string }[];
  };
};

/** `GET /api/v1/dashboards`. */
export const fetchImports = (abort?: AbortSignal): Promise<Answer<Listed[]>> =>
  get('/api/v1/dashboards', {}, abort);

/** `GET /api/v1/dashboards/<uid>`. `picked` are the values of variables; several of one name. */
export function fetchImported(
  uid: string,
  picked: [string, string][],
  range: { start: number; end: number; step: number },
  abort?: AbortSignal,
): Promise<Answer<Imported>> {
  const search = new URLSearchParams(picked.map(([name, value]) => [`var-${name}`, value]));
  for (const [name, value] of Object.entries(range)) search.set(name, String(value));
  return get(`/api/v1/dashboards/${encodeURIComponent(uid)}?${search.toString()}`, {}, abort);
}
