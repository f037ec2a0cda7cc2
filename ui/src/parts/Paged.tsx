import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { whole } from '../format/number';

// More rows than anybody reads, few enough that a page of them is drawn within a frame or two.
const PAGE = 200;

/** A list that never draws thousands of rows at once: the first 200, then more on demand. */
export function Paged<T>({
  items,
  atLeast = 0,
  children,
}: {
  items: T[];
  /** How many must be shown: a link may open a row far down. */
  atLeast?: number;
  /** Draws the rows; `more` belongs below them and is null when all are shown. */
  children: (shown: T[], more: ComponentChildren) => ComponentChildren;
}) {
  const count = useSignal(PAGE);
  const shown = items.slice(0, Math.max(count.value, Math.ceil(atLeast / PAGE) * PAGE));
  const more =
    shown.length < items.length ? (
      <p class="none">
        Showing {whole(shown.length)} of {whole(items.length)}.{' '}
        <button
          type="button"
          class="text-button"
          onClick={() => {
            count.value = shown.length + PAGE;
          }}
        >
          Show more
        </button>
      </p>
    ) : null;
  return <>{children(shown, more)}</>;
}

/** Items by what they have in common, in the order in which each first came. */
export function grouped<T, K>(items: T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
