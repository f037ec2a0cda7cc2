import { type Answer, get } from './client';
import type { Labels } from './query';

export type TargetHealth = 'up' | 'down' | 'unknown';
/** Line 0 stands for a damaged part of a process group's memory. */
export type RejectedLine = { line: number; text: string; reason: string };

/** As Prometheus writes it; what is optional is ours, from `service` on. */
export type Target = {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  lastError: string;
  /** Go's zero time, in the year 1, when there was no scrape yet. */
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: TargetHealth;
  scrapeInterval?: string;
  scrapeTimeout?: string;
  service?: string;
  kind?: 'announced' | 'static' | 'file';
  /** Live processes; announced targets only. */
  processes?: number;
  lastSamples?: number;
  /** The limit that cut or ended the scrape, by its configuration name. */
  limited?: string;
  /** The first five bad lines of the last scrape; `rejectedTotal` counts them all. */
  rejected?: RejectedLine[];
  rejectedTotal?: number;
};

export type Targets = {
  activeTargets: Target[];
  droppedTargets?: { discoveredLabels: Labels; scrapePool?: string }[];
};

/** `GET /api/v1/targets`. */
export function fetchTargets(abort?: AbortSignal): Promise<Answer<Targets>> {
  return get('/api/v1/targets', { state: 'active' }, abort);
}
