import type { Entity, EntityState, Relation } from '../api/graph';
import { isTrouble, rankOf, worstOf } from './entity';

// From a graph as the server gives it to the nodes and edges that are shown.

/** An entity with those that are parts of it: a service with its instances and routes. */
export type Node = { entity: Entity; inside: Entity[] };

/** All that goes from one node to another. */
export type Edge = {
  key: string;
  from: string;
  to: string;
  /** The kinds of relation, each once. */
  types: string[];
  /** Per second; null where nothing is measured. */
  rate: number | null;
  errorRatio: number | null;
  latency: number | null;
};

export type Picture = { nodes: Node[]; edges: Edge[] };

/** Relations by which the subject is a part of the object. */
const CONTAINS = new Set(['instance_of', 'part_of']);

export const edgeKey = (from: string, to: string) => `${from}→${to}`;

/** The worst of what is inside; null where nothing is. */
export const insideState = ({ inside }: Node): EntityState | null =>
  inside.length === 0 ? null : worstOf(inside);

/** The worse of the node's own state and of what is inside it. */
export function nodeState(node: Node): EntityState {
  const inner = insideState(node);
  const own = node.entity.state;
  return inner !== null && isTrouble({ state: inner }) && rankOf(inner) < rankOf(own) ? inner : own;
}

/** Which entity each one is shown in: itself, or what it is a part of. */
export function holders(entities: Entity[], relations: Relation[]): Map<string, string> {
  const known = new Set(entities.map(({ id }) => id));
  const parent = new Map<string, string>();
  for (const { type, from, to } of relations) {
    if (CONTAINS.has(type) && from !== to && known.has(from) && known.has(to) && !parent.has(from))
      parent.set(from, to);
  }
  const holder = new Map<string, string>();
  for (const { id } of entities) {
    let at = id;
    const seen = new Set([id]);
    for (let up = parent.get(at); up !== undefined; up = parent.get(at)) {
      // Two that are parts of each other: each stands for itself.
      if (seen.has(up)) {
        at = id;
        break;
      }
      seen.add(up);
      at = up;
    }
    holder.set(id, at);
  }
  return holder;
}

/** Nodes and edges; `unfolded` shows instances, routes and other parts as nodes of their own. */
export function pictureOf(
  { entities, relations }: { entities: Entity[]; relations: Relation[] },
  unfolded: boolean,
): Picture {
  const holder = unfolded
    ? new Map(entities.map(({ id }) => [id, id]))
    : holders(entities, relations);
  const nodes = new Map<string, Node>();
  for (const entity of entities) {
    if (holder.get(entity.id) === entity.id) nodes.set(entity.id, { entity, inside: [] });
  }
  for (const entity of entities) {
    const at = holder.get(entity.id);
    if (at !== undefined && at !== entity.id) nodes.get(at)?.inside.push(entity);
  }
  return { nodes: [...nodes.values()], edges: edgesOf(relations, holder) };
}

/** Relations by the nodes at their ends. What a part says counts where the whole says nothing. */
export function edgesOf(relations: Relation[], holder: Map<string, string>): Edge[] {
  const found = new Map<string, { from: string; to: string; own: Relation[]; parts: Relation[] }>();
  for (const relation of relations) {
    const from = holder.get(relation.from);
    const to = holder.get(relation.to);
    if (from === undefined || to === undefined || from === to) continue;
    const key = edgeKey(from, to);
    const edge = found.get(key) ?? { from, to, own: [], parts: [] };
    found.set(key, edge);
    const direct = relation.from === from && relation.to === to;
    (direct ? edge.own : edge.parts).push(relation);
  }
  return [...found].map(([key, { from, to, own, parts }]) => {
    // A service's requests are the sum of its routes': both together would count them twice.
    const said = new Set(own.map(({ type }) => type));
    const all = [...own, ...parts.filter(({ type }) => !said.has(type))];
    return { key, from, to, types: [...new Set(all.map(({ type }) => type))], ...trafficOf(all) };
  });
}

/** Rates add up; ratios and latencies are means, weighted by the rate where it is known. */
export function trafficOf(relations: Relation[]): Pick<Edge, 'rate' | 'errorRatio' | 'latency'> {
  const rates = relations.map(({ rate }) => rate).filter((rate) => rate != null);
  const mean = (of: (relation: Relation) => number | null | undefined): number | null => {
    let sum = 0;
    let weight = 0;
    for (const relation of relations) {
      const value = of(relation);
      if (value == null) continue;
      const counts = rates.length > 0 ? (relation.rate ?? 0) : 1;
      sum += value * counts;
      weight += counts;
    }
    return weight === 0 ? null : sum / weight;
  };
  return {
    rate: rates.length === 0 ? null : rates.reduce((a, b) => a + b, 0),
    errorRatio: mean(({ error_ratio }) => error_ratio),
    latency: mean(({ latency_seconds }) => latency_seconds),
  };
}

/** The nodes that are at most `hops` edges from any of `seeds`, whatever their direction. */
export function neighbourhood(
  seeds: Iterable<string>,
  edges: { from: string; to: string }[],
  hops: number,
): Set<string> {
  const beside = new Map<string, string[]>();
  const note = (a: string, b: string) => {
    const known = beside.get(a);
    if (known === undefined) beside.set(a, [b]);
    else known.push(b);
  };
  for (const { from, to } of edges) {
    note(from, to);
    note(to, from);
  }
  const reached = new Set(seeds);
  let rim = [...reached];
  for (let hop = 0; hop < hops && rim.length > 0; hop += 1) {
    const next: string[] = [];
    for (const at of rim) {
      for (const other of beside.get(at) ?? []) {
        if (reached.has(other)) continue;
        reached.add(other);
        next.push(other);
      }
    }
    rim = next;
  }
  return reached;
}

export type Choice = {
  /** `trouble`: what is wrong and one hop; `errors`: only what is wrong. */
  show: 'trouble' | 'all' | 'errors';
  /** The id of the entity in the middle; `''` for none. */
  focus: string;
  hops: number;
  /** Kinds that are left out. */
  hidden: ReadonlySet<string>;
};

/** What is shown of a picture. A focus comes before everything else. */
export function chosenFrom(picture: Picture, { show, focus, hops, hidden }: Choice): Picture {
  const { nodes, edges } = picture;
  const middle = nodes.find(
    ({ entity, inside }) => entity.id === focus || inside.some(({ id }) => id === focus),
  );
  const wrong = nodes.filter((node) => isTrouble({ state: nodeState(node) }));
  let keep: Set<string> | null = null;
  if (middle !== undefined) keep = neighbourhood([middle.entity.id], edges, hops);
  else if (show === 'errors') keep = new Set(wrong.map(({ entity }) => entity.id));
  // Where nothing is wrong there is no trouble to show: then all of it is.
  else if (show === 'trouble' && wrong.length > 0) {
    keep = neighbourhood(
      wrong.map(({ entity }) => entity.id),
      edges,
      1,
    );
  }
  const shown = nodes.filter(
    ({ entity }) =>
      entity.id === middle?.entity.id ||
      ((keep === null || keep.has(entity.id)) && !hidden.has(entity.type)),
  );
  const ids = new Set(shown.map(({ entity }) => entity.id));
  return { nodes: shown, edges: edges.filter(({ from, to }) => ids.has(from) && ids.has(to)) };
}
