import type { Entity, EntityRef, EntityState, Scope } from '../api/graph';
import { hrefTo } from '../state/url';

/** As the server writes it: `route/GET /pay{service="payments"}`. */
export function entityId({ type, name, scope }: EntityRef): string {
  const labels = Object.entries(scope)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return labels.length === 0 ? `${type}/${name}` : `${type}/${name}{${labels.join(',')}}`;
}

const SCOPE = 'scope.';

/** The entity's own page, with the range that is shown. */
export function entityHref({ type, name, scope }: EntityRef): string {
  const path = `/entities/${encodeURIComponent(type)}/${encodeURIComponent(name)}`;
  const labels = Object.entries(scope).map(([label, value]) => [SCOPE + label, value]);
  return hrefTo(path, Object.fromEntries(labels) as Record<string, string>);
}

/** The labels of the entity's scope, as `entityHref` put them into the URL. */
export function scopeIn(params: URLSearchParams): Scope {
  const scope: Scope = {};
  for (const [name, value] of params) {
    if (name.startsWith(SCOPE)) scope[name.slice(SCOPE.length)] = value;
  }
  return scope;
}

/** The graph with this entity in its middle. */
export const graphHref = (entity: EntityRef) => hrefTo('/graph', { focus: entityId(entity) });

/** `message_queue` → `message queue`. */
export const kindWord = (type: string) => type.replaceAll('_', ' ');

/** `3 databases`, `12 processes`, `1 host`. */
export function kindCount(count: number, type: string): string {
  const word = kindWord(type);
  if (count === 1) return `1 ${word}`;
  if (word === 'external') return `${count} external services`;
  if (/(s|x|ch)$/.test(word)) return `${count} ${word}es`;
  return `${count} ${/[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`}`;
}

/** The scope in words, for what its name does not say: `payments`, `eu-1 · payments`. */
export const scopeWords = ({ scope }: EntityRef) => Object.values(scope).join(' · ');

const RANK: EntityState[] = ['critical', 'warning', 'unknown', 'good'];

/** How bad a state is: 0 is the worst. */
export const rankOf = (state: EntityState) => {
  const rank = RANK.indexOf(state);
  return rank === -1 ? 2 : rank;
};

/** The worst of them; `good` where there are none. */
export function worstOf(entities: Iterable<{ state: EntityState }>): EntityState {
  let worst: EntityState = 'good';
  for (const { state } of entities) if (rankOf(state) < rankOf(worst)) worst = state;
  return worst;
}

export const isTrouble = ({ state }: { state: EntityState }) =>
  state === 'critical' || state === 'warning';

/** `node-2` before `node-10`. One collator: to make one for each pair takes seconds for thousands. */
export const compareNames = new Intl.Collator('en', { numeric: true }).compare;

/** Worst first, then by name. */
export const worstFirst = (a: Entity, b: Entity) =>
  rankOf(a.state) - rankOf(b.state) || compareNames(a.name, b.name);

/**
 * What is asserted of the entity itself. Its `state` is the worst of that and of what is part of
 * it; where neither is seen here, the state is all that is known.
 */
export function ownState({ state, assertions }: Entity, insideKnown: boolean): EntityState {
  const severities = new Set(assertions.map(({ severity }) => severity));
  if (severities.has('critical')) return 'critical';
  if (severities.has('warning')) return 'warning';
  return insideKnown && state !== 'unknown' ? 'good' : state;
}

const RELATIONS: Record<string, [from: string, to: string]> = {
  calls: ['calls', 'called by'],
  reads_from: ['reads from', 'read by'],
  writes_to: ['writes to', 'written by'],
  produces_to: ['produces to', 'filled by'],
  consumes_from: ['consumes from', 'consumed by'],
  instance_of: ['instance of', 'has instance'],
  part_of: ['part of', 'contains'],
  runs_on: ['runs on', 'runs'],
};

/** A relation as its subject says it, or as its object does. */
export function relationWord(type: string, end: 'from' | 'to'): string {
  const words = Object.hasOwn(RELATIONS, type) ? RELATIONS[type] : undefined;
  if (words !== undefined) return end === 'from' ? words[0] : words[1];
  const plain = type.replaceAll('_', ' ');
  return end === 'from' ? plain : `${plain} (from)`;
}
