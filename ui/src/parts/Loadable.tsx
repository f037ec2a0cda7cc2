import type { ReadonlySignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { lasting } from '../format/duration';
import { sentence } from '../format/labels';
import { now } from '../state/clock';
import type { Remote } from '../state/useQuery';
import { Icon } from './Icon';

// A refresh may take as long as three of the fastest ones before its page is called stale.
const SLOW_MS = 15_000;

/**
 * One thing from the server in all its states: the skeleton of what comes, what failed with a way
 * to ask again, and values that are old, dimmed and with their age.
 */
export function Loadable<T>({
  remote,
  again,
  what,
  skeleton,
  children,
}: {
  remote: ReadonlySignal<Remote<T>>;
  again: () => void;
  /** As in "Cannot show …": `the services`. */
  what: string;
  skeleton: ComponentChildren;
  children: (value: T) => ComponentChildren;
}) {
  const { value, notes, error, at, askedAt } = remote.value;
  if (value === undefined) {
    if (error === undefined) {
      return (
        <div class="skeleton" role="status" aria-label={`Loading ${what}`}>
          {skeleton}
        </div>
      );
    }
    return (
      <div class="failed" role="alert">
        <p>
          <strong>Cannot show {what}.</strong> {sentence(error.message)}
        </p>
        <AgainButton again={again} />
      </div>
    );
  }
  // Reading `now` subscribes to the clock, so only while a request is under way.
  const slow = askedAt > 0 && now.value > 0 && Date.now() - askedAt > SLOW_MS;
  const stale = error !== undefined || slow;
  // The banner over all pages says it once for all of them.
  const said = error?.kind === 'unreachable';
  return (
    <>
      {stale && !said && (
        <div class="stale-note" role="status">
          <span>
            Shown as of <Age at={at} />.{' '}
            {error === undefined ? 'The server is slow to answer.' : sentence(error.message)}
          </span>
          {error !== undefined && <AgainButton again={again} />}
        </div>
      )}
      {notes.length > 0 && (
        <ul class="partial-note" aria-label={`Missing from ${what}`}>
          {notes.slice(0, 3).map((note) => (
            <li key={note}>{note}</li>
          ))}
          {notes.length > 3 && <li>and {notes.length - 3} more</li>}
        </ul>
      )}
      <div class={stale ? 'stale' : 'fresh'}>{children(value)}</div>
    </>
  );
}

function Age({ at }: { at: number }) {
  return <span class="num">{now.value > 0 && lasting(Date.now() - at)} ago</span>;
}

export function AgainButton({ again }: { again: () => void }) {
  return (
    <button type="button" class="button" onClick={again}>
      <Icon name="again" />
      Try again
    </button>
  );
}

/** Grey bars in place of `rows` rows. */
export function SkeletonRows({ rows, height = 40 }: { rows: number; height?: number }) {
  return (
    <div aria-hidden="true">
      {Array.from({ length: rows }, (_, i) => (
        // Bars have no other identity than their place.
        <div key={i} class="skeleton-row" style={{ height: `${height}px` }}>
          <span class="bar" style={{ width: `${120 + ((i * 37) % 90)}px` }} />
          <span class="bar grow" />
          <span class="bar" style={{ width: '120px' }} />
        </div>
      ))}
    </div>
  );
}
