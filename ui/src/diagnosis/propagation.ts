import type { EntityRef } from '../api/graph';
import type { IncidentDetail } from '../api/incidents';
import { timeMs } from '../api/times';
import { entityId } from './entity';
import type { Edge } from './picture';

/** How trouble went along an edge: it was at one end so much earlier than at the other. */
export type Flow = { from: string; to: string; afterMs: number };

/** When trouble began at each entity, Unix ms: the earliest that anything says of it. */
export function onsetsOf(
  incident: Pick<IncidentDetail, 'suspects' | 'timeline'>,
): Map<string, number> {
  const onsets = new Map<string, number>();
  const note = (entity: EntityRef, ms: number | null) => {
    if (ms === null) return;
    const id = entityId(entity);
    const known = onsets.get(id);
    if (known === undefined || ms < known) onsets.set(id, ms);
  };
  for (const { entity, evidence } of incident.suspects) {
    for (const { onset } of evidence) note(entity, timeMs(onset));
  }
  for (const { kind, entity, category, time } of incident.timeline) {
    // A change is what may have begun it, not that it had begun.
    if (entity != null && (kind === 'assertion' || kind === 'alert') && category !== 'amend')
      note(entity, timeMs(time));
  }
  return onsets;
}

/** Onsets by the nodes that entities are shown in: the earliest of a node's parts counts. */
export function onsetsShown(
  onsets: Map<string, number>,
  holder: Map<string, string>,
): Map<string, number> {
  const shown = new Map<string, number>();
  for (const [id, ms] of onsets) {
    const at = holder.get(id);
    if (at === undefined) continue;
    const known = shown.get(at);
    if (known === undefined || ms < known) shown.set(at, ms);
  }
  return shown;
}

/**
 * The edges along which trouble went, by edge. Each entity that was hit later took it from the
 * earliest of its neighbours that were hit before; two at the same moment took it from each other
 * or from neither, so there is no arrow.
 */
export function flowsOf(edges: Edge[], onsets: Map<string, number>): Map<string, Flow> {
  const sources = new Map<string, { key: string; from: string; ms: number }[]>();
  for (const { from, to, key } of edges) {
    const a = onsets.get(from);
    const b = onsets.get(to);
    if (a === undefined || b === undefined || a === b) continue;
    const [first, later, ms] = a < b ? [from, to, a] : [to, from, b];
    const known = sources.get(later) ?? [];
    known.push({ key, from: first, ms });
    sources.set(later, known);
  }
  const flows = new Map<string, Flow>();
  for (const [to, all] of sources) {
    const earliest = Math.min(...all.map(({ ms }) => ms));
    for (const { key, from, ms } of all) {
      if (ms === earliest) flows.set(key, { from, to, afterMs: (onsets.get(to) ?? ms) - ms });
    }
  }
  return flows;
}

/** `+12 s`, `+3 min 20 s`: how much later, to the second below an hour. */
export function afterText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `+${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    const rest = seconds % 60;
    return rest === 0 ? `+${minutes} min` : `+${minutes} min ${rest} s`;
  }
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `+${hours} h` : `+${hours} h ${minutes % 60} min`;
}

/** Entities in the order in which trouble came to them, each with how much after the first. */
export function orderOf(onsets: Map<string, number>): { id: string; afterMs: number }[] {
  const first = Math.min(...onsets.values());
  return [...onsets].sort(([, a], [, b]) => a - b).map(([id, ms]) => ({ id, afterMs: ms - first }));
}
