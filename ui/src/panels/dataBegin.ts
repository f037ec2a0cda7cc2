import { type Signal, signal } from '@preact/signals';
import { OFFERED, type Range } from '../state/range';
import type { PanelData } from './panelData';

/** When the data of each panel begins, and the range it was asked for. Unix seconds. */
type Begin = { first: number; start: number; end: number };

/** What the panels of a page have seen, so that the page can offer a range that fits. */
export class Begins {
  readonly seen: Signal<ReadonlyMap<string, Begin>> = signal(new Map());

  /** Notes what a panel was answered. Tables and empty panels say nothing of the past. */
  note(panel: string, { times, series, bounds }: PanelData): void {
    const slots = series
      .map(({ values }) => values.findIndex((value) => value !== null))
      .filter((slot) => slot >= 0);
    const first = times[Math.min(...slots)];
    const next = new Map(this.seen.peek());
    if (first === undefined || times.length < 2) next.delete(panel);
    else next.set(panel, { first, ...bounds });
    this.seen.value = next;
  }
}

// Where data fills half of the charts or more, another range gains nothing.
const SHARE_MAX = 0.5;

/**
 * A shorter range that all the data fits into, in seconds, with when the data begins (Unix ms);
 * null where none is called for.
 */
export function betterRange(
  begins: Iterable<Begin>,
  range: Range,
): { beginsMs: number; seconds: number } | null {
  if (range.kind !== 'relative') return null;
  let earliest: Begin | null = null;
  for (const begin of begins) {
    // Answers to a range that is no longer shown: the new ones are under way.
    if (Math.abs(begin.end - begin.start - range.seconds) > range.seconds * 0.1) continue;
    if (earliest === null || begin.first < earliest.first) earliest = begin;
  }
  if (earliest === null) return null;
  const age = earliest.end - earliest.first;
  const seconds = OFFERED.find((offered) => offered >= age);
  if (seconds === undefined || seconds >= range.seconds) return null;
  if (age > range.seconds * SHARE_MAX) return null;
  return { beginsMs: earliest.first * 1000, seconds };
}
