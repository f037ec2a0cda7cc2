import { type Answer, get, send } from './client';
import type { AuditLine } from './mappings';

/** What somebody changed about a pack; those of the file decide. */
export type SavedOverride = {
  /** `null` for one that stands in the server's file. */
  id: number | null;
  source: 'api' | 'file';
  line?: number;
  by?: string;
  at?: string;
  pack: string;
  alert?: string;
  /** Matchers; empty for everything. */
  where: string;
  set: Record<string, number>;
  off: boolean | null;
  reason?: string;
};

export type OverrideWish = {
  pack: string;
  alert?: string;
  where?: Record<string, string | string[]>;
  set?: Record<string, number>;
  off?: boolean;
  reason?: string;
};

export type Overrides = { overrides: SavedOverride[]; file: string | null; audit: AuditLine[] };

const PATH = '/api/v1/overrides';

export function fetchOverrides(abort?: AbortSignal): Promise<Answer<Overrides>> {
  return get(PATH, {}, abort);
}

export function makeOverride(wish: OverrideWish, by: string) {
  return send('POST', PATH, { by, entry: wish });
}

export function deleteOverride(id: number, by: string) {
  return send('DELETE', `${PATH}/${id}?by=${encodeURIComponent(by)}`);
}
