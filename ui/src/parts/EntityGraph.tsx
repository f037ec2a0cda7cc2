import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Boxed } from '../diagnosis/boxes';
import {
  type Direction,
  entityPlaces,
  type Layout,
  nextTowards,
  type Place,
  sizeOf,
} from '../diagnosis/geometry';
import type { Edge } from '../diagnosis/picture';
import type { Flow } from '../diagnosis/propagation';
import { navigate } from '../state/url';
import { GraphEdges } from './GraphEdges';
import { GraphBox, type NodeNote } from './GraphNode';
import { Icon, type IconName } from './Icon';
import { fitted, useViewport, type View, zoomedAt } from './viewport';
import '../style/graph.css';

export type EntityGraphProps = {
  boxed: Boxed;
  /** All edges between entities: those of the selected one are drawn to its very place. */
  edges: Edge[];
  selected: string;
  onSelect: (id: string) => void;
  onToggle: (groupId: string) => void;
  /** What is written on nodes, by entity. */
  notes?: ReadonlyMap<string, NodeNote>;
  /** How trouble went along edges, by edge. */
  flows?: ReadonlyMap<string, Flow>;
  /** `ctrl` leaves the wheel to the page unless Ctrl is held. */
  wheel?: 'plain' | 'ctrl';
  /** The entity to have in sight where not all of it fits. */
  eye: string;
  label: string;
};

const NO_NOTES: ReadonlyMap<string, NodeNote> = new Map();
const NO_FLOWS: ReadonlyMap<string, Flow> = new Map();
// Below this width layers run down the screen and not across.
const NARROW_PX = 640;
// Smaller than this no name can be read.
const SCALE_READABLE = 0.6;
const PAN_PX = 80;
const ZOOM = 1.25;

/** The entity graph: boxes that are links, lines between them, moved by pointer, wheel and keys. */
export function EntityGraph(props: EntityGraphProps) {
  const { boxed, label } = props;
  const { window, view, touched, move } = useViewport(props.wheel ?? 'plain');
  const { layout, failed } = useLayout(boxed);
  const places = useMemo(
    () => (layout === null ? new Map<string, Place>() : entityPlaces(boxed.boxes, layout.places)),
    [boxed, layout],
  );
  const fit = () => {
    const element = window.current;
    if (element === null || layout === null) return;
    const eye = places.get(props.eye);
    const middle = eye && { x: eye.x + eye.width / 2, y: eye.y + eye.height / 2 };
    const room = { width: element.clientWidth, height: element.clientHeight };
    view.value = fitted(room, layout, boxed.size === 'layered' ? SCALE_READABLE : 0.3, middle);
    touched.value = false;
  };
  const zoomBy = (factor: number) => {
    const element = window.current;
    if (element === null) return;
    move(zoomedAt(view.peek(), factor, element.clientWidth / 2, element.clientHeight / 2));
  };
  // A new layout is shown whole, unless the reader has moved the old one.
  useEffect(() => {
    if (!touched.peek()) fit();
  }, [layout]);

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keyAct(event, { places, edges: props.edges, boxed });
    if (act === null) return;
    event.preventDefault();
    event.stopPropagation();
    const { x, y, scale } = view.peek();
    const element = window.current;
    if (element === null) return;
    if (act.kind === 'fit') fit();
    else if (act.kind === 'zoom') zoomBy(act.factor);
    else if (act.kind === 'pan') move({ scale, x: x + act.dx, y: y + act.dy });
    else if (act.kind === 'open') navigate(act.href);
    else {
      const node = element.querySelector<HTMLElement>(`[data-node="${CSS.escape(act.id)}"]`);
      node?.focus({ preventScroll: true });
      const place = places.get(act.id);
      if (place !== undefined) view.value = inSight(view.peek(), place, element);
    }
  };
  return (
    <div
      ref={window}
      class="graph-window"
      role="group"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={onKey}
    >
      {failed && <p class="none">The graph cannot be drawn: the server was updated. Reload.</p>}
      {layout !== null && (
        <GraphLayer graph={props} layout={layout} places={places} view={view.value} />
      )}
      <div class="graph-tools" data-still>
        <Tool icon="plus" label="Larger (+)" run={() => zoomBy(ZOOM)} />
        <Tool icon="minus" label="Smaller (−)" run={() => zoomBy(1 / ZOOM)} />
        <Tool icon="fit" label="All of it (0)" run={fit} />
      </div>
    </div>
  );
}

type LayerProps = {
  graph: EntityGraphProps;
  layout: Layout;
  places: Map<string, Place>;
  view: View;
};

/** What moves: the lines and the boxes. */
function GraphLayer({ graph, layout, places, view }: LayerProps) {
  const { boxed, selected, notes = NO_NOTES, flows = NO_FLOWS } = graph;
  const reachable = places.has(selected) ? selected : (boxed.boxes[0]?.id ?? '');
  return (
    <div
      class="graph-layer"
      style={{
        width: `${layout.width}px`,
        height: `${layout.height}px`,
        transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`,
      }}
    >
      <GraphEdges
        boxed={boxed}
        layout={layout}
        places={places}
        edges={graph.edges}
        selected={selected}
        flows={flows}
      />
      {boxed.boxes.map((box) => {
        const place = layout.places.get(box.id);
        return place === undefined ? null : (
          <GraphBox
            key={box.id}
            box={box}
            place={{ ...place, ...sizeOf(box) }}
            selected={selected}
            reachable={reachable}
            notes={notes}
            onSelect={graph.onSelect}
            onToggle={graph.onToggle}
          />
        );
      })}
    </div>
  );
}

function Tool({ icon, label, run }: { icon: IconName; label: string; run: () => void }) {
  return (
    <button type="button" class="icon-button" title={label} aria-label={label} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}

/** Lays out anew when boxes or edges change, and only then: new numbers move nothing. */
function useLayout(boxed: Boxed): { layout: Layout | null; failed: boolean } {
  const made = useSignal<{ layout: Layout | null; failed: boolean }>({
    layout: null,
    failed: false,
  });
  const narrow = document.documentElement.clientWidth < NARROW_PX;
  const shape = useMemo(
    () =>
      JSON.stringify([
        boxed.boxes.map((box) => [box.id, box.open ? box.nodes.length : 0]),
        boxed.edges.map(({ key }) => key),
      ]),
    [boxed],
  );
  // The shape stands for the boxes and edges.
  useEffect(() => {
    let overtaken = false;
    import('../diagnosis/layered').then(
      ({ layered }) => {
        if (overtaken) return;
        const layout = layered(boxed.boxes, boxed.edges, narrow ? 'TB' : 'LR');
        made.value = { layout, failed: false };
      },
      () => {
        made.value = { ...made.peek(), failed: true };
      },
    );
    return () => {
      overtaken = true;
    };
  }, [shape, narrow]);
  return made.value;
}

type KeyAct =
  | { kind: 'fit' }
  | { kind: 'zoom'; factor: number }
  | { kind: 'pan'; dx: number; dy: number }
  | { kind: 'open'; href: string }
  | { kind: 'focus'; id: string };

const ARROWS: Record<string, Direction> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};
const PANS: Record<Direction, [number, number]> = {
  left: [PAN_PX, 0],
  right: [-PAN_PX, 0],
  up: [0, PAN_PX],
  down: [0, -PAN_PX],
};

/** What a key means here. Arrows go from node to node, with Shift they move the picture. */
function keyAct(
  event: KeyboardEvent,
  { places, edges, boxed }: { places: Map<string, Place>; edges: Edge[]; boxed: Boxed },
): KeyAct | null {
  if (event.key === '+' || event.key === '=') return { kind: 'zoom', factor: ZOOM };
  if (event.key === '-') return { kind: 'zoom', factor: 1 / ZOOM };
  if (event.key === '0') return { kind: 'fit' };
  const target = event.target instanceof HTMLElement ? event.target : null;
  const node = target?.closest<HTMLElement>('[data-node]') ?? null;
  if (event.key === 'Enter' && node instanceof HTMLAnchorElement) {
    return { kind: 'open', href: node.pathname + node.search };
  }
  const direction = ARROWS[event.key];
  if (direction === undefined) return null;
  if (event.shiftKey) {
    const [dx, dy] = PANS[direction];
    return { kind: 'pan', dx, dy };
  }
  const at = node?.dataset.node;
  if (at === undefined) {
    const first = boxed.boxes[0];
    return first === undefined ? null : { kind: 'focus', id: first.id };
  }
  const id = nextTowards(places, [...edges, ...boxed.edges], at, direction);
  return id === null ? null : { kind: 'focus', id };
}

/** Moves just so far that the place is seen. */
function inSight(
  view: { x: number; y: number; scale: number },
  { x, y, width, height }: Place,
  element: HTMLElement,
) {
  const margin = 24;
  const into = (start: number, size: number, room: number, offset: number) => {
    const from = start * view.scale + offset;
    const to = from + size * view.scale;
    if (from < margin) return offset + margin - from;
    if (to > room - margin) return offset - (to - room + margin);
    return offset;
  };
  return {
    ...view,
    x: into(x, width, element.clientWidth, view.x),
    y: into(y, height, element.clientHeight, view.y),
  };
}
