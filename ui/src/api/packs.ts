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
  off: number;
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
  min: number;
  max: number;
  /** What is in force where no narrower override says something else. */
  value: number;
};

/** What a user changed; a later one wins over those before it. */
export type Override = {
  /** In the overrides file. */
  line: number;
  /** All alerts of the pack if null. */
  alert: string | null;
  /** Matchers of the series that it is about; empty for all. */
  where: string;
  set: Record<string, number>;
  off: boolean | null;
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
  /** 1 to 3: how many of those who run Python services run this, too. */
  tier: number;
  /** `reference`: the real software could not be run, the pack was made from its documentation. */
  verified: 'real' | 'reference';
};

export type Library = { packs: Pack[]; services: string[]; judged: boolean };

export type Standing = 'armed' | 'needs_data' | 'not_evaluable' | 'off';

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
  parameters: Parameter[];
  overrides: Override[];
  provenance: string[];
};

/** `GET /api/v1/packs`: the whole library, and where it was found. */
export function fetchLibrary(abort?: AbortSignal): Promise<Answer<Library>> {
  return get('/api/v1/packs', {}, abort);
}

/** `GET /api/v1/packs/<id>`. */
export function fetchPack(id: string, abort?: AbortSignal): Promise<Answer<PackDetail>> {
  return get(`/api/v1/packs/${encodeURIComponent(id)}`, {}, abort);
}
