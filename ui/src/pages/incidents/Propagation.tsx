import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Entity } from '../../api/graph';
import type { IncidentDetail, Suspect } from '../../api/incidents';
import { boxesOf } from '../../diagnosis/boxes';
import { entityId, isTrouble } from '../../diagnosis/entity';
import { chosenFrom, holders, nodeState, pictureOf } from '../../diagnosis/picture';
import { afterText, flowsOf, onsetsOf, onsetsShown, orderOf } from '../../diagnosis/propagation';
import { clock } from '../../format/time';
import { EntityGraph } from '../../parts/EntityGraph';
import type { NodeNote } from '../../parts/GraphNode';
import { EntityLink } from '../../parts/EntityLink';
import { hrefTo } from '../../state/url';
import './propagation.css';

const NO_KINDS: ReadonlySet<string> = new Set();
// Neighbours that were spared are context; more than this hide what was hit.
const CONTEXT_MAX = 60;

/** How it spread: the members and their neighbours, and when trouble came to each. */
export function Propagation({ incident }: { incident: IncidentDetail }) {
  const toggled = useSignal('');
  const selected = useSignal('');
  const { graph, suspects } = incident;
  const { picture, holder, onsets, flows } = useStory(incident);
  const boxed = useMemo(
    () => boxesOf(picture, new Set(toggled.value.split(' '))),
    [picture, toggled.value],
  );
  const order = orderOf(onsets);
  const notes = useMemo(() => notesOf(order, suspects, holder), [onsets, suspects, holder]);
  if (picture.nodes.length === 0) return null;
  const byId = new Map(graph.entities.map((entity) => [entity.id, entity]));
  const first = suspects[0];
  const eye = first === undefined ? '' : (holder.get(entityId(first.entity)) ?? '');
  return (
    <section class="incident-part" aria-label="How it spread">
      <h2>
        How it spread
        <a class="link small" href={hrefTo('/graph', eye === '' ? {} : { focus: eye, hops: '2' })}>
          In the graph
        </a>
      </h2>
      <div class="propagation">
        <EntityGraph
          boxed={boxed}
          edges={picture.edges}
          selected={selected.value}
          notes={notes}
          flows={flows}
          wheel="ctrl"
          eye={eye}
          label="How it spread. The list beside it says the same in words."
          onSelect={(id) => {
            selected.value = id === selected.peek() ? '' : id;
          }}
          onToggle={(id) => {
            const open = toggled.peek().split(' ');
            toggled.value = (
              open.includes(id) ? open.filter((one) => one !== id) : [...open, id]
            ).join(' ');
          }}
        />
        <Order order={order} onsets={onsets} byId={byId} />
      </div>
    </section>
  );
}

/** What is drawn, and along which edges trouble went. */
function useStory(incident: IncidentDetail) {
  const { graph, suspects, members } = incident;
  return useMemo(() => {
    const whole = pictureOf(graph, false);
    const hit = new Set(members.map(entityId));
    const worth = whole.nodes.filter(
      (node) =>
        hit.has(node.entity.id) ||
        node.inside.some(({ id }) => hit.has(id)) ||
        isTrouble({ state: nodeState(node) }),
    );
    const choice = { show: 'all', focus: '', hops: 1, hidden: NO_KINDS } as const;
    const shown =
      whole.nodes.length <= CONTEXT_MAX ? whole : chosenFrom({ ...whole, nodes: worth }, choice);
    const holder = holders(graph.entities, graph.relations);
    const onsets = onsetsShown(onsetsOf({ suspects, timeline: incident.timeline }), holder);
    return { picture: shown, holder, onsets, flows: flowsOf(shown.edges, onsets) };
  }, [graph, suspects, members, incident.timeline]);
}

/** On each node its place among the suspects, and how much later than the first it was hit. */
function notesOf(
  order: { id: string; afterMs: number }[],
  suspects: Suspect[],
  holder: Map<string, string>,
): Map<string, NodeNote> {
  const found = new Map<string, NodeNote>();
  for (const { id, afterMs } of order) {
    const text = afterMs === 0 ? 'first' : afterText(afterMs);
    found.set(id, { text, title: `hit ${text}`, strong: false });
  }
  [...suspects.slice(0, 3)].reverse().forEach(({ entity }, i, all) => {
    const rank = all.length - i;
    const id = holder.get(entityId(entity));
    if (id === undefined) return;
    const after = found.get(id)?.text;
    found.set(id, {
      text: `suspect ${rank}${after === undefined ? '' : ` · ${after}`}`,
      title: `suspect ${rank}`,
      strong: true,
    });
  });
  return found;
}

function Order({
  order,
  onsets,
  byId,
}: {
  order: { id: string; afterMs: number }[];
  onsets: Map<string, number>;
  byId: Map<string, Entity>;
}) {
  return (
    <ol class="spread-order" aria-label="In the order in which they were hit">
      {order.map(({ id, afterMs }) => {
        const entity = byId.get(id);
        if (entity === undefined) return null;
        return (
          <li key={id}>
            <span class="num">
              {afterMs === 0 ? clock(onsets.get(id) ?? 0) : afterText(afterMs)}
            </span>
            <EntityLink entity={entity} />
          </li>
        );
      })}
      {order.length === 0 && <li class="dim">When each was hit is not known.</li>}
    </ol>
  );
}
