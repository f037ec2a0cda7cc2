import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

/** Where the layer stands in its window and how large: px, px and times. */
export type View = { x: number; y: number; scale: number };

const SCALE_MIN = 0.15;
const SCALE_MAX = 2;
// A press that moves less than this is a click.
const DRAG_PX = 4;

const clamped = (scale: number) => Math.min(SCALE_MAX, Math.max(SCALE_MIN, scale));

/** Larger or smaller, with the point of the window under the pointer held where it is. */
export function zoomedAt(view: View, factor: number, px: number, py: number): View {
  const scale = clamped(view.scale * factor);
  const by = scale / view.scale;
  return { scale, x: px - (px - view.x) * by, y: py - (py - view.y) * by };
}

type Size = { width: number; height: number };

/**
 * All of the layer in the window, no larger than it is; below `least` it could not be read, so then
 * its middle line is shown, or what stands at `eye`.
 */
export function fitted(window: Size, layer: Size, least: number, eye?: { x: number; y: number }) {
  const whole = Math.min(1, window.width / layer.width, window.height / layer.height);
  const scale = Math.max(whole, least);
  const along = (room: number, size: number, at: number | undefined) => {
    const drawn = size * scale;
    if (drawn <= room || at === undefined) return (room - drawn) / 2;
    return Math.min(0, Math.max(room - drawn, room / 2 - at * scale));
  };
  return {
    scale,
    x: along(window.width, layer.width, eye?.x ?? 0),
    y: along(window.height, layer.height, eye?.y ?? 0),
  };
}

/** Drag, pinch and wheel move and scale a layer. `touched` is whether the reader has done so. */
export function useViewport(wheel: 'plain' | 'ctrl') {
  const window = useRef<HTMLDivElement>(null);
  const view = useSignal<View>({ x: 0, y: 0, scale: 1 });
  const touched = useSignal(false);
  const move = (next: View) => {
    touched.value = true;
    view.value = next;
  };
  // The element is one for good.
  useEffect(() => {
    const element = window.current;
    return element === null ? undefined : listen(element, view, move, wheel);
  }, []);
  return { window, view, touched, move };
}

type Point = { x: number; y: number };

/** Two fingers: one went from `before` to `here`, the other stayed. */
function pinched(view: View, before: Point, here: Point, other: Point): View {
  const factor =
    Math.hypot(here.x - other.x, here.y - other.y) /
    Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
  const middle = { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 };
  const moved = {
    ...view,
    x: view.x + (here.x - before.x) / 2,
    y: view.y + (here.y - before.y) / 2,
  };
  return zoomedAt(moved, factor, middle.x, middle.y);
}

function listen(
  element: HTMLElement,
  view: Signal<View>,
  move: (next: View) => void,
  wheel: 'plain' | 'ctrl',
): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  let dragged = false;
  const at = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const onWheel = (event: WheelEvent) => {
    if (wheel === 'ctrl' && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    // A wheel turns by 100 px or so, a pinch on a touchpad by a few.
    const factor = Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) * 0.003);
    const { x, y } = at(event);
    move(zoomedAt(view.peek(), factor, x, y));
  };
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    if (event.target instanceof Element && event.target.closest('[data-still]') !== null) return;
    if (fingers.size === 0) dragged = false;
    fingers.set(event.pointerId, at(event));
  };
  const onMove = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId);
    if (before === undefined) return;
    const here = at(event);
    const [first, second] = [...fingers.values()];
    if (!dragged && Math.hypot(here.x - before.x, here.y - before.y) < DRAG_PX) return;
    if (!dragged) {
      dragged = true;
      element.setPointerCapture(event.pointerId);
    }
    fingers.set(event.pointerId, here);
    const old = view.peek();
    if (first === undefined || second === undefined) {
      move({ ...old, x: old.x + here.x - before.x, y: old.y + here.y - before.y });
      return;
    }
    move(pinched(old, before, here, before === first ? second : first));
  };
  const onUp = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
  };
  // The click that ends a drag is none.
  const onClick = (event: MouseEvent) => {
    if (!dragged) return;
    dragged = false;
    event.preventDefault();
    event.stopPropagation();
  };
  element.addEventListener('wheel', onWheel, { passive: false });
  element.addEventListener('pointerdown', onDown);
  element.addEventListener('pointermove', onMove);
  element.addEventListener('pointerup', onUp);
  element.addEventListener('pointercancel', onUp);
  element.addEventListener('click', onClick, { capture: true });
  // The listeners go with the element.
  return () => {};
}
