import type { Entity, EntityState } from '../api/graph';
import { compareNames, kindCount, rankOf } from './entity';
import { type Edge, edgeKey, type Node, nodeState, type Picture, trafficOf } from './picture';

// What is laid out: one box an entity while there are few, one a group while there are many.

/** Up to here every entity has a box of its own. */
export const LAYERED_MAX = 60;
/** Up to here groups stand open, and every entity is seen. */
export const GROUPED_MAX = 300;
export type Box = {
  id: string;
  title: string;
  /** Worst first. One where the box is that entity. */
  nodes: Node[];
  group: boolean;
  open: boolean;
  state: EntityState;
};

export type Boxed = { boxes: Box[]; edges: Edge[]; size: 'layered' | 'grouped' | 'collapsed' };

/** The place it belongs to: its namespace, else its environment. */
export const placeOf = ({ scope, properties }: Entity): string =>
  scope.namespace ?? scope.environment ?? properties.namespace ?? '';

// From fine to coarse: the first that leaves few enough boxes is taken.
const KEYS: ((entity: Entity) => string[])[] = [
  (entity) => [entity.type, ...Object.values(entity.scope)],
  (entity) => [entity.type, placeOf(entity)],
  (entity) => [entity.type],
];

/** Without spaces, whatever the labels' values are: the URL lists ids with spaces between them. */
const groupId = (key: string[]) =>
  `group:${key
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/')}`;

/**
 * Boxes for what is shown. `toggled` names the groups that stand otherwise than they would by
 * themselves: closed while all are open, open while all are closed.
 */
export function boxesOf({ nodes, edges }: Picture, toggled: ReadonlySet<string>): Boxed {
  if (nodes.length <= LAYERED_MAX) {
    return { boxes: nodes.map(alone), edges, size: 'layered' };
  }
  const size = nodes.length <= GROUPED_MAX ? 'grouped' : 'collapsed';
  const groups = groupsOf(nodes);
  const boxes = [...groups].map(([id, { key, members }]) => {
    const [only] = members;
    if (members.length === 1 && only !== undefined) return alone(only);
    return groupBox(id, key, members, toggled.has(id) !== (size === 'grouped'));
  });
  return { boxes, edges: between(boxes, edges), size };
}

type Group = { key: string[]; members: Node[] };

function groupsOf(nodes: Node[]): Map<string, Group> {
  let groups = new Map<string, Group>();
  for (const keyOf of KEYS) {
    groups = new Map();
    for (const node of nodes) {
      const key = keyOf(node.entity);
      const id = groupId(key);
      const group = groups.get(id);
      if (group === undefined) groups.set(id, { key, members: [node] });
      else group.members.push(node);
    }
    if (groups.size <= LAYERED_MAX) break;
  }
  return groups;
}

function alone(node: Node): Box {
  const { entity } = node;
  return {
    id: entity.id,
    title: entity.name,
    nodes: [node],
    group: false,
    open: false,
    state: nodeState(node),
  };
}

function groupBox(id: string, key: string[], members: Node[], open: boolean): Box {
  const nodes = [...members].sort(
    (a, b) =>
      rankOf(nodeState(a)) - rankOf(nodeState(b)) || compareNames(a.entity.name, b.entity.name),
  );
  const [type = '', ...places] = key;
  const named = places.filter((place) => place !== '');
  const count = kindCount(nodes.length, type);
  const first = nodes[0];
  return {
    id,
    title: named.length === 0 ? count : `${count} in ${named.join(' · ')}`,
    nodes,
    group: true,
    open,
    state: first === undefined ? 'good' : nodeState(first),
  };
}

/** Edges between boxes: what goes between their members, summed. */
function between(boxes: Box[], edges: Edge[]): Edge[] {
  const boxOf = new Map<string, string>();
  for (const { id, nodes } of boxes) for (const { entity } of nodes) boxOf.set(entity.id, id);
  const found = new Map<string, Edge[]>();
  for (const edge of edges) {
    const from = boxOf.get(edge.from);
    const to = boxOf.get(edge.to);
    if (from === undefined || to === undefined || from === to) continue;
    const key = edgeKey(from, to);
    const known = found.get(key);
    if (known === undefined) found.set(key, [edge]);
    else known.push(edge);
  }
  return [...found].map(([key, all]) => {
    const [from = '', to = ''] = key.split('→');
    const traffic = trafficOf(
      all.map(({ rate, errorRatio, latency }) => ({
        type: '',
        from,
        to,
        rate,
        error_ratio: errorRatio,
        latency_seconds: latency,
      })),
    );
    return { key, from, to, types: [...new Set(all.flatMap(({ types }) => types))], ...traffic };
  });
}

/** `2 critical, 1 warning`: what a closed group says of its members. */
export function groupSays({ nodes }: Box): string {
  const of = (state: EntityState) => nodes.filter((node) => nodeState(node) === state).length;
  const critical = of('critical');
  const warning = of('warning');
  const said = [critical > 0 && `${critical} critical`, warning > 0 && `${warning} warning`];
  return said.filter(Boolean).join(', ') || 'nothing wrong';
}
