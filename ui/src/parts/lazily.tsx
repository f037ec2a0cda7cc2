import { signal } from '@preact/signals';
import type { ComponentChildren, ComponentType } from 'preact';

type Loaded<P> = { part: ComponentType<P> | undefined; failed: boolean };

/**
 * Something large that is a chunk of its own: fetched when it is first drawn, or when `prefetch`
 * asks for it before.
 */
export function lazily<P extends object>(
  load: () => Promise<ComponentType<P>>,
  skeleton: ComponentChildren,
) {
  const loaded = signal<Loaded<P>>({ part: undefined, failed: false });
  const prefetch = async (): Promise<void> => {
    if (loaded.peek().part !== undefined) return;
    try {
      loaded.value = { part: await load(), failed: false };
    } catch {
      // An old page asks a newer server for a chunk it no longer has; or the server is down.
      loaded.value = { part: undefined, failed: true };
    }
  };
  function Lazy(props: P) {
    const { part: Part, failed } = loaded.value;
    if (Part !== undefined) return <Part {...props} />;
    if (failed) return <NotLoaded />;
    void prefetch();
    return <div class="skeleton">{skeleton}</div>;
  }
  return Object.assign(Lazy, { prefetch });
}

function NotLoaded() {
  return (
    <div class="failed" role="alert">
      <p>
        <strong>Cannot load this part of the page.</strong> The server is down, or was updated since
        this page was opened.
      </p>
      <button type="button" class="button" onClick={() => window.location.reload()}>
        Load it again
      </button>
    </div>
  );
}
