import type { Impact, Incident, Suspect } from '../api/incidents';
import { timeMs } from '../api/times';
import { lasting } from '../format/duration';
import { plural } from '../format/number';
import { speakText } from '../format/units';
import { hrefTo } from '../state/url';
import { rankOf } from './entity';
import { shapeOf } from './category';

export const incidentHref = (id: string) => hrefTo(`/incidents/${encodeURIComponent(id)}`);

/** `2 services, 4 routes, 24 % of requests`; what is zero or unknown is left out. */
export function impactText({ services, routes, ratio }: Impact): string {
  const said = [
    services > 0 && plural(services, 'service'),
    routes > 0 && plural(routes, 'route'),
    ratio !== null && ratio > 0 && `${speakText(ratio, 'percentunit')} of requests`,
  ].filter(Boolean);
  return said.join(', ');
}

/** The one sentence for a suspect: what was measured, else its heaviest reason. */
export function because({ evidence, terms }: Suspect): string {
  const measured = evidence[0]?.sentence;
  if (measured !== undefined && measured !== '') return measured;
  const heaviest = [...terms].sort((a, b) => b.value - a.value)[0];
  return heaviest?.sentence ?? '';
}

/** How long it has lasted, or lasted until it was over. */
export function lastedText({ start, end }: Pick<Incident, 'start' | 'end'>, nowMs: number): string {
  const from = timeMs(start);
  if (from === null) return '';
  return lasting((timeMs(end) ?? nowMs) - from);
}

/** Open ones first, the worst of them and then the newest; resolved ones by when they were over. */
export function inOrder(a: Incident, b: Incident): number {
  if (a.state !== b.state) return a.state === 'open' ? -1 : 1;
  const newest = (timeMs(b.start) ?? 0) - (timeMs(a.start) ?? 0);
  if (a.state === 'resolved') return (timeMs(b.end) ?? 0) - (timeMs(a.end) ?? 0) || newest;
  return rankOf(shapeOf(a.severity)) - rankOf(shapeOf(b.severity)) || newest;
}

export type TermShare = { name: string; sentence: string; value: number; share: number };

/** The terms of a score as parts of the highest one, in their order; negative ones have no part. */
export function sharesOf({ terms }: Suspect, highest: number): TermShare[] {
  return terms.map(({ name, sentence, value }) => ({
    name,
    sentence,
    value,
    share: highest > 0 ? Math.max(0, value) / highest : 0,
  }));
}
