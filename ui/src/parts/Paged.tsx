import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { whole } from '../format/number';

// More rows than anybody reads, few enough that a page of them is drawn within a frame or two.
const PAGE = 200;

/** A list that never draws thousands of rows at once: the first 200, then more on demand. */
export function Paged<T>({
  items,
  children,
}: {
  items: T[];
  /** Draws the rows; `more` belongs below them and is null when all are shown. */
  children: (shown: T[], more: ComponentChildren) => ComponentChildren;
}) {
  const count = useSignal(PAGE);
  const shown = items.slice(0, count.value);
  const more =
    shown.length < items.length ? (
      <p class="none">
        Showing {whole(shown.length)} of {whole(items.length)}.{' '}
        <button
          type="button"
          class="text-button"
          onClick={() => {
            count.value += PAGE;
          }}
        >
          Show more
        </button>
      </p>
    ) : null;
  return <>{children(shown, more)}</>;
}
