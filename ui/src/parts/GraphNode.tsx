import type { Box } from '../diagnosis/boxes';
import { groupSays } from '../diagnosis/boxes';
import {
  entityHref,
  isTrouble,
  kindCount,
  kindWord,
  ownState,
  scopeWords,
} from '../diagnosis/entity';
import { cellPlace, cellsOf, type Place } from '../diagnosis/geometry';
import { insideState, type Node, nodeState } from '../diagnosis/picture';
import { CategoryMarks } from './CategoryMark';
import { STATE_WORDS, type ShapeState, StateShape } from './StateBadge';

/** What a page writes on a node: the place of a suspect, or how much later it was hit. */
export type NodeNote = { text: string; title: string; strong: boolean };

export type NodeProps = {
  selected: string;
  /** The one that Tab reaches. */
  reachable: string;
  notes: ReadonlyMap<string, NodeNote>;
  onSelect: (id: string) => void;
  onToggle: (groupId: string) => void;
};

const placed = ({ x, y, width, height }: Place) => ({
  left: `${x}px`,
  top: `${y}px`,
  width: `${width}px`,
  height: `${height}px`,
});

/** One box of the graph: an entity, a group, or a group that stands open. */
export function GraphBox({ box, place, ...rest }: { box: Box; place: Place } & NodeProps) {
  const [only] = box.nodes;
  if (!box.group) return only === undefined ? null : <Single node={only} place={place} {...rest} />;
  if (box.open) return <OpenGroup box={box} place={place} {...rest} />;
  return <ClosedGroup box={box} place={place} {...rest} />;
}

/** What is wrong inside: `1 of 2 instances critical`; else null. */
function insideSays(node: Node): string | null {
  const inner = insideState(node);
  if (inner === null || !isTrouble({ state: inner })) return null;
  const wrong = node.inside.filter(isTrouble);
  const types = new Set(wrong.map(({ type }) => type));
  const [type = ''] = types;
  if (types.size > 1) return `${wrong.length} parts in trouble`;
  const all = node.inside.filter((one) => one.type === type).length;
  return `${wrong.length} of ${kindCount(all, type)} ${inner}`;
}

function says(node: Node, note: NodeNote | undefined): string {
  const { entity } = node;
  return [
    `${entity.name}, ${kindWord(entity.type)}: ${STATE_WORDS[nodeState(node)].toLowerCase()}`,
    ...entity.assertions.slice(0, 3).map(({ sentence }) => sentence),
    insideSays(node),
    note?.title,
  ]
    .filter(Boolean)
    .join('. ');
}

function useAnchor(id: string, { selected, reachable, onSelect }: NodeProps) {
  return {
    'data-row': true,
    'data-node': id,
    tabIndex: reachable === id ? 0 : -1,
    'aria-current': selected === id ? ('true' as const) : undefined,
    onClick: (event: MouseEvent) => {
      // With a modifier it is a link like any other. Enter opens the page, a click looks closer.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.detail === 0) return;
      event.preventDefault();
      onSelect(id);
    },
    // A node that is dragged would take its link along.
    draggable: false,
  };
}

function Single({ node, place, ...props }: { node: Node; place: Place } & NodeProps) {
  const { entity } = node;
  const note = props.notes.get(entity.id);
  const inside = insideSays(node);
  const scope = scopeWords(entity);
  return (
    <a
      class={`node ${nodeState(node)}`}
      style={placed(place)}
      href={entityHref(entity)}
      title={says(node, note)}
      aria-label={says(node, note)}
      {...useAnchor(entity.id, props)}
    >
      <Rings
        own={ownState(entity, node.inside.some(isTrouble))}
        inside={insideState(node)}
        state={nodeState(node)}
      />
      <span class="node-words">
        <span class="node-name cut">{entity.name}</span>
        <span class="small faint cut">
          {inside ?? `${kindWord(entity.type)}${scope === '' ? '' : ` · ${scope}`}`}
        </span>
      </span>
      <CategoryMarks of={entity.assertions.slice(0, 6)} />
      {note !== undefined && (
        <span class={note.strong ? 'node-note strong' : 'node-note'}>{note.text}</span>
      )}
    </a>
  );
}

/** The outer ring is the entity's own state, the inner one that of what is inside it. */
function Rings({
  own,
  inside,
  state,
}: {
  own: ShapeState;
  inside: ShapeState | null;
  state: ShapeState;
}) {
  return (
    <span class="rings" aria-hidden="true">
      <svg width="28" height="28" viewBox="0 0 28 28">
        <circle class={`ring ${own}`} cx="14" cy="14" r="12.5" />
        {inside !== null && <circle class={`ring inner ${inside}`} cx="14" cy="14" r="9" />}
      </svg>
      <StateShape state={state} />
    </span>
  );
}

function ClosedGroup({ box, place, ...props }: { box: Box; place: Place } & NodeProps) {
  const { id, title, state } = box;
  const said = groupSays(box);
  return (
    <button
      type="button"
      class={`node group ${state}`}
      style={placed(place)}
      title={`${title}: ${said}. Press to open.`}
      aria-expanded="false"
      data-row
      data-node={id}
      tabIndex={props.reachable === id ? 0 : -1}
      onClick={() => props.onToggle(id)}
    >
      <StateShape state={state} />
      <span class="node-words">
        <span class="node-name cut">{title}</span>
        <span class="small faint cut">{said}</span>
      </span>
    </button>
  );
}

function OpenGroup({ box, place, ...props }: { box: Box; place: Place } & NodeProps) {
  const { id, title, nodes } = box;
  const { shown, more } = cellsOf(box);
  const cells = shown + (more > 0 ? 1 : 0);
  return (
    <section class="node-group" style={placed(place)} aria-label={title}>
      <button
        type="button"
        class="node-group-head"
        title={`${title}: ${groupSays(box)}. Press to close.`}
        aria-expanded="true"
        data-node={id}
        tabIndex={props.reachable === id ? 0 : -1}
        onClick={() => props.onToggle(id)}
      >
        <span class="cut">{title}</span>
        <span class="faint small cut">{groupSays(box)}</span>
      </button>
      {nodes.slice(0, shown).map((node, i) => (
        <Cell key={node.entity.id} node={node} place={cellPlace(i, cells)} {...props} />
      ))}
      {more > 0 && (
        <span class="node-more faint small" style={placed(cellPlace(shown, cells))}>
          and {more} more, in the table
        </span>
      )}
    </section>
  );
}

function Cell({ node, place, ...props }: { node: Node; place: Place } & NodeProps) {
  const { entity } = node;
  const note = props.notes.get(entity.id);
  return (
    <a
      class={`node cell ${nodeState(node)}`}
      style={placed(place)}
      href={entityHref(entity)}
      title={says(node, note)}
      aria-label={says(node, note)}
      {...useAnchor(entity.id, props)}
    >
      <StateShape state={nodeState(node)} />
      <span class="cut">{entity.name}</span>
    </a>
  );
}
