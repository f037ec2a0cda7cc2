import { type Answer, get } from './client';
import type { Labels } from './query';

export type Evidence = { metric: string; labels: Labels };

/** A pack in one service that it was found in. */
export type PackService = {
  service: string;
  /** The series that showed it. */
  why: string;
  variants: Record<string, string>;
  /** Alerts of the pack by how they stand for this service. */
  armed: number;
  needs_data: number;
  not_evaluable: number;
  /** Instances of alerts. */
  firing: number;
  pending: number;
  /** The gravest of those that fire, or else of those that are pending. */
  severity: string | null;
};

/** A number that users tune. */
export type Parameter = {
  name: string;
  title: string;
  unit: string;
  default: number;
  /** The value in force; absent while it is the default. */
  value?: number;
};

export type Pack = {
  id: string;
  title: string;
  version: string;
  layer: 'exporter' | 'framework' | 'runtime' | 'scrape';
  looks_for: { any: Evidence[]; all: Evidence[] };
  services: PackService[];
  alerts: number;
  dashboards: { id: string; title: string; panels: number }[];
  /** `reference`: the real software could not be run, the pack was made from its documentation. */
  verified?: 'real' | 'reference';
};

export type Library = { packs: Pack[]; services: string[]; judged: boolean };

export type Standing = 'armed' | 'needs_data' | 'not_evaluable';

export type PackAlertService = {
  service: string;
  state: Standing;
  reason: string | null;
  needs_data_until_ms: number | null;
  firing: number;
  pending: number;
};

export type PackAlert = {
  name: string;
  severity: string | null;
  kind: string | null;
  query: string;
  metrics: string[];
  hold_s: number;
  keep_firing_for_s: number;
  /** A template. */
  summary: string | null;
  /** Markdown. */
  runbook: string | null;
  services: PackAlertService[];
};

export type PackDetail = {
  pack: Pack;
  judged: boolean;
  conditional: { metric: string; reason: string }[];
  kpis: { name: string; unit: string; query: string }[];
  alerts: PackAlert[];
  parameters?: Parameter[];
  provenance?: string[];
};

/** `GET /api/v1/packs`: the whole library, and where it was found. */
export function fetchLibrary(abort?: AbortSignal): Promise<Answer<Library>> {
  return get('/api/v1/packs', {}, abort);
}

/** `GET /api/v1/packs/<id>`. */
export function fetchPack(id: string, abort?: AbortSignal): Promise<Answer<PackDetail>> {
  return get(`/api/v1/packs/${encodeURIComponent(id)}`, {}, abort);
}
