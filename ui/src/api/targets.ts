import { type Answer, get } from './client';
import type { Labels } from './query';

export type TargetHealth = 'up' | 'down' | 'unknown';
export type RejectedLine = { line: number; text: string; reason: string };

export type Target = {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  lastError: string;
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: TargetHealth;
  scrapeInterval?: string;
  scrapeTimeout?: string;
  service?: string;
  kind?: 'announced' | 'static' | 'file';
  /** Live processes of an announced group. */
  processes?: number | null;
  lastSamples?: number | null;
  /** The limit that cut the scrape. */
  limited?: string | null;
  rejected?: RejectedLine[];
  rejectedTotal?: number;
};

export type Targets = { activeTargets: Target[]; droppedTargets?: unknown[] };

/** `GET /api/v1/targets`. */
export function fetchTargets(abort?: AbortSignal): Promise<Answer<Targets>> {
  return get('/api/v1/targets', { state: 'active' }, abort);
}
