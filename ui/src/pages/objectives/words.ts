import type { Indicator, Objective, Standing, Wish } from '../../api/objectives';
import { span } from '../../format/duration';
import { digits, NOTHING, whole } from '../../format/number';
import { speakText } from '../../format/units';

// Below this many bad events whole numbers hide what matters.
const EXACT_BELOW = 10;

/**
 * A share as people say it, with the digits that tell it from all: 0.99953 is 99.95 %. Never
 * rounded up to what was not reached.
 */
export function share(ratio: number | null): string {
  if (ratio === null) return NOTHING;
  const percent = ratio * 100;
  const places = ratio >= 1 || ratio <= 0 ? 0 : Math.min(4, Math.ceil(-Math.log10(1 - ratio)));
  const scale = 10 ** places;
  // What was reached exactly must not fall by the last bit of its float.
  return `${String(Math.floor(percent * scale + 1e-6) / scale)}\u00a0%`;
}

/** A target as it was typed: `99.5 %`. */
export function targetText(target: number): string {
  return `${String(Math.round(target * 1e8) / 1e6)}\u00a0%`;
}

/** Of the budget, from 100 % down; below zero it is spent. */
export function leftText({ budget }: Standing): string {
  if (budget === null) return NOTHING;
  if (budget.left_ratio < 0) return 'spent';
  return `${Math.floor(budget.left_ratio * 100)}\u00a0%`;
}

/** How many events, or minutes. */
export function eventsText(count: number, by: Wish['by']): string {
  const number = Math.abs(count) < EXACT_BELOW ? digits(count) : whole(count);
  return `${number}\u00a0${by === 'minutes' ? 'min' : 'events'}`;
}

/** What is left, in events and in time. */
export function leftWords({ standing: { budget }, by }: Objective): string {
  if (budget === null) return 'Nothing was measured yet.';
  const over = budget.left < 0;
  const events = eventsText(Math.abs(budget.left), by);
  const time = span(Math.abs(budget.left_seconds) * 1000);
  return over
    ? `${events} more than allowed: as if all failed ${time} too long`
    : `${events} of ${eventsText(budget.total, by)} may still fail: as if all failed for ${time}`;
}

/** The burn of the last hour: `14×`. */
export function burnText(rate: number | null): string {
  return rate === null ? NOTHING : `${digits(rate)}×`;
}

export function burnOf({ burns }: Standing, seconds: number): number | null {
  return burns.find(({ window_seconds }) => window_seconds === seconds)?.rate ?? null;
}

/** What is asked of whom, in one line. */
export function indicatorWords({ kind, limit_seconds, op, value }: Indicator): string {
  switch (kind) {
    case 'availability':
      return 'answered without errors';
    case 'latency':
      return `answered within ${speakText(limit_seconds ?? 0, 's')}`;
    case 'events':
      return 'good events';
    case 'threshold':
      return `value ${op ?? ''} ${value ?? ''}`;
  }
}

/** `storefront`, or `storefront /checkout`. */
export function entityWords({ entity }: Wish): string {
  const { service, ...rest } = entity.scope;
  const scope = [service, ...Object.values(rest)].filter((it) => it !== undefined);
  return [...scope, entity.name].join(' ');
}

const RANK = { critical: 0, warning: 1, unknown: 2, good: 3 } as const;

/** Worst first, then by what is left, then by title. */
export function worstFirst(objectives: Objective[]): Objective[] {
  const left = ({ standing: { budget } }: Objective) => budget?.left_ratio ?? 1;
  return [...objectives].sort(
    (a, b) =>
      RANK[a.standing.state] - RANK[b.standing.state] ||
      left(a) - left(b) ||
      a.title.localeCompare(b.title),
  );
}
