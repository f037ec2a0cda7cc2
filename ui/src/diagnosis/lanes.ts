import type { Assertion } from '../api/assertions';
import { timeMs } from '../api/times';
import { weightOf } from './category';
import { entityId } from './entity';

/** A stretch of one assertion within the shown time, from 0 to 1 across it. */
export type Stretch = { assertion: Assertion; left: number; width: number; track: number };

export type Lane = {
  id: string;
  entity: Assertion['entity'];
  stretches: Stretch[];
  /** How many tracks its stretches need so that none covers another. */
  tracks: number;
  /** Weight of its assertions by the share of the shown time that they last. */
  weight: number;
};

export type Span = { startMs: number; endMs: number };

// More than this many at once nobody reads; the last track takes what is left.
const TRACKS_MAX = 6;
// An assertion that was only just there still counts for something.
const SHARE_MIN = 0.02;

/** When it began and ended, cut to the shown time; null if it lies outside. */
export function cut(assertion: Assertion, { startMs, endMs }: Span): [number, number] | null {
  const from = timeMs(assertion.onset) ?? timeMs(assertion.since);
  if (from === null) return null;
  const to = timeMs(assertion.end) ?? endMs;
  if (to < startMs || from > endMs) return null;
  return [Math.max(from, startMs), Math.min(Math.max(to, from), endMs)];
}

/** One lane an entity, heaviest first. `letter` is the least width, as a part of the whole. */
export function lanesOf(assertions: Assertion[], span: Span, letter: number): Lane[] {
  const length = Math.max(1, span.endMs - span.startMs);
  const byEntity = new Map<string, Assertion[]>();
  for (const assertion of assertions) {
    const id = entityId(assertion.entity);
    const known = byEntity.get(id);
    if (known === undefined) byEntity.set(id, [assertion]);
    else known.push(assertion);
  }
  const lanes: Lane[] = [];
  for (const [id, all] of byEntity) {
    const stretches: Stretch[] = [];
    let weight = 0;
    for (const assertion of all) {
      const shown = cut(assertion, span);
      if (shown === null) continue;
      const share = (shown[1] - shown[0]) / length;
      weight += weightOf(assertion) * Math.max(share, SHARE_MIN);
      const width = Math.max(letter, share);
      const left = Math.min((shown[0] - span.startMs) / length, 1 - width);
      stretches.push({ assertion, left, width, track: 0 });
    }
    const entity = all[0]?.entity;
    if (stretches.length === 0 || entity === undefined) continue;
    lanes.push({ id, entity, stretches, tracks: pack(stretches), weight });
  }
  return lanes.sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1));
}

/** Puts each stretch on the first track that is free, the heavy ones above. Returns how many. */
export function pack(stretches: Stretch[]): number {
  stretches.sort(
    (a, b) => weightOf(b.assertion) - weightOf(a.assertion) || a.left - b.left || b.width - a.width,
  );
  const tracks: Stretch[][] = [];
  for (const stretch of stretches) {
    const free = tracks.findIndex((track) => track.every((other) => apart(other, stretch)));
    const at = free === -1 ? Math.min(tracks.length, TRACKS_MAX - 1) : free;
    stretch.track = at;
    const track = tracks[at];
    if (track === undefined) tracks.push([stretch]);
    else track.push(stretch);
  }
  // Reading order for the keyboard and for those who hear it.
  stretches.sort((a, b) => a.left - b.left || a.track - b.track);
  return tracks.length;
}

const apart = (a: Stretch, b: Stretch) =>
  a.left + a.width <= b.left + 1e-9 || b.left + b.width <= a.left + 1e-9;

/** Round times for an axis over the span, about `wanted` of them. Unix ms. */
export function ticksOf({ startMs, endMs }: Span, wanted: number): { at: number[]; step: number } {
  const least = (endMs - startMs) / Math.max(1, wanted);
  const step = STEPS_MS.find((one) => one >= least) ?? 86_400_000 * Math.ceil(least / 86_400_000);
  // Days and hours begin where the reader is.
  const zone = new Date(startMs).getTimezoneOffset() * 60_000;
  const at: number[] = [];
  const first = Math.ceil((startMs - zone) / step) * step + zone;
  for (let tick = first; tick <= endMs; tick += step) at.push(tick);
  return { at, step };
}

const STEPS_MS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
].map((seconds) => seconds * 1000);

/** Where a moment stands within the span, 0 to 1. */
export const placeIn = (ms: number, { startMs, endMs }: Span) =>
  (ms - startMs) / Math.max(1, endMs - startMs);
