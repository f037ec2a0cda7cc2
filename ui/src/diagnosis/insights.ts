import type { Assertion } from '../api/assertions';
import type { Category } from '../api/graph';
import { CATEGORIES, weightOf } from './category';
import { entityId, kindWord } from './entity';
import { cut, type Lane, type Span } from './lanes';

export type InsightFilter = {
  /** Empty: all of them. */
  categories: ReadonlySet<string>;
  severities: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
  text: string;
};

const allows = (chosen: ReadonlySet<string>, one: string) => chosen.size === 0 || chosen.has(one);

/** Those that the filters let pass. */
export function filtered(assertions: Assertion[], filter: InsightFilter): Assertion[] {
  const wanted = filter.text.trim().toLowerCase();
  return assertions.filter(
    ({ category, severity, entity, name, sentence }) =>
      allows(filter.categories, category) &&
      allows(filter.severities, severity) &&
      allows(filter.kinds, entity.type) &&
      (wanted === '' ||
        [entity.name, name, sentence, kindWord(entity.type), ...Object.values(entity.scope)].some(
          (text) => text.toLowerCase().includes(wanted),
        )),
  );
}

/** How many assertions of each category lasted in each of `buckets` equal parts of the time. */
export function countsOver(
  assertions: Assertion[],
  span: Span,
  buckets: number,
): Record<Category, number>[] {
  const counts = Array.from(
    { length: buckets },
    () => Object.fromEntries(CATEGORIES.map((one) => [one, 0])) as Record<Category, number>,
  );
  const length = Math.max(1, span.endMs - span.startMs);
  const bucketOf = (ms: number) =>
    Math.min(buckets - 1, Math.floor(((ms - span.startMs) / length) * buckets));
  for (const assertion of assertions) {
    const shown = cut(assertion, span);
    if (shown === null || !CATEGORIES.includes(assertion.category)) continue;
    for (let i = bucketOf(shown[0]); i <= bucketOf(shown[1]); i += 1) {
      const bucket = counts[i];
      if (bucket !== undefined) bucket[assertion.category] += 1;
    }
  }
  return counts;
}

export type TopRow = {
  lane: Lane;
  /** How many assertions of each category, those with some, in the order of their name. */
  counts: [Category, number][];
  heaviest: Assertion;
};

/** Entities by their weight, each with what it counts and the heaviest of it. */
export function topOf(lanes: Lane[]): TopRow[] {
  return lanes.flatMap((lane) => {
    const all = lane.stretches.map(({ assertion }) => assertion);
    const heaviest = all.reduce<Assertion | null>(
      (best, one) => (best === null || weightOf(one) > weightOf(best) ? one : best),
      null,
    );
    if (heaviest === null) return [];
    const counts = CATEGORIES.map((category): [Category, number] => [
      category,
      all.filter((one) => one.category === category).length,
    ]).filter(([, count]) => count > 0);
    return [{ lane, counts, heaviest }];
  });
}

export const idsOf = (assertions: Assertion[]) =>
  new Set(assertions.map(({ entity }) => entityId(entity))).size;
