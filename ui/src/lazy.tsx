import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { SkeletonRows } from './parts/Loadable';

// Charts come with the service page, in a chunk of their own: Home is there before them.

type Loaded = { page: ComponentType<{ name: string }> | undefined; failed: boolean };

const loaded = signal<Loaded>({ page: undefined, failed: false });

async function load(): Promise<void> {
  try {
    const { ServicePage } = await import('./pages/service/ServicePage');
    loaded.value = { page: ServicePage, failed: false };
  } catch {
    // An old page asks a newer server for a chunk it no longer has; or the server is down.
    loaded.value = { page: undefined, failed: true };
  }
}

/** Fetches the chunk once the first page has had its time, so that opening a row is instant. */
export function prefetchServicePage(): () => void {
  const timer = setTimeout(() => void load(), 1_500);
  return () => clearTimeout(timer);
}

export function LazyServicePage({ name }: { name: string }) {
  const { page: Page, failed } = loaded.value;
  if (Page !== undefined) return <Page name={name} />;
  if (failed) {
    return (
      <div class="failed" role="alert">
        <p>
          <strong>Cannot load this page.</strong> The server is down, or was updated since this page
          was opened.
        </p>
        <button type="button" class="button" onClick={() => window.location.reload()}>
          Load it again
        </button>
      </div>
    );
  }
  void load();
  return (
    <div class="skeleton">
      <SkeletonRows rows={6} height={64} />
    </div>
  );
}
