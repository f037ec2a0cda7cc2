import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { DownBanner, RailWithNews, SearchEverything } from './frame';
import { LazyServicePage, prefetchServicePage } from './lazy';
import { AlertsPage } from './pages/alerts/AlertsPage';
import { HomePage } from './pages/home/HomePage';
import { NotFoundPage } from './pages/not-found/NotFoundPage';
import { TargetsPage } from './pages/targets/TargetsPage';
import { HelpDialog } from './parts/HelpDialog';
import { pickerOpen, RangePicker, stepRange } from './parts/RangePicker';
import { refreshNow } from './state/clock';
import { listenKeys, moveRow, type Shortcut } from './state/keys';
import { hrefTo, navigate, path } from './state/url';

/** The frame around every page: rail, bar, banner, keyboard. */
export function App() {
  const help = useSignal(false);
  const shortcuts = shortcutsOf(() => {
    help.value = true;
  });
  // No dependencies: the shortcuts never change.
  useEffect(() => listenKeys(shortcuts), []);
  useEffect(prefetchServicePage, []);
  // A new page begins at its top for the keyboard and for screen readers, too.
  const at = path.value;
  const before = useRef(at);
  // The path is read from a signal: what changes is in its value.
  useEffect(() => {
    if (before.current !== at) document.getElementById('main')?.focus({ preventScroll: true });
    before.current = at;
  }, [at]);

  return (
    <div class="app">
      <a class="skip" href="#main">
        To the page
      </a>
      <RailWithNews
        onHelp={() => {
          help.value = true;
        }}
      />
      <div class="column">
        <header class="bar">
          <SearchEverything />
          <RangePicker />
        </header>
        <DownBanner />
        <main id="main" tabIndex={-1}>
          <Page path={at} />
        </main>
      </div>
      {help.value && (
        <HelpDialog
          shortcuts={shortcuts}
          onClose={() => {
            help.value = false;
          }}
        />
      )}
    </div>
  );
}

function Page({ path }: { path: string }) {
  const service = /^\/services\/([^/]+)\/?$/.exec(path)?.[1];
  if (service !== undefined) {
    const name = decoded(service);
    return <LazyServicePage key={name} name={name} />;
  }
  switch (path.replace(/\/$/, '')) {
    case '':
    case '/services':
      return <HomePage />;
    case '/alerts':
      return <AlertsPage />;
    case '/targets':
      return <TargetsPage />;
    default:
      return <NotFoundPage path={path} />;
  }
}

/** A path segment as text; one that is not well encoded is taken as it stands. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function shortcutsOf(showHelp: () => void): Shortcut[] {
  const to = (target: string) => () => navigate(hrefTo(target));
  return [
    { keys: '/', does: 'Search', run: () => document.getElementById('search')?.focus() },
    { keys: 'g h', does: 'Go to Home', run: to('/') },
    { keys: 'g a', does: 'Go to Alerts', run: to('/alerts') },
    { keys: 'g t', does: 'Go to Targets', run: to('/targets') },
    {
      keys: 't',
      does: 'Time range',
      run: () => {
        pickerOpen.value = !pickerOpen.peek();
      },
    },
    { keys: '[', does: 'Half a range back', run: () => stepRange(-1) },
    { keys: ']', does: 'Half a range forward', run: () => stepRange(1) },
    { keys: 'j', does: 'Next row', run: () => moveRow(1) },
    { keys: 'k', does: 'Previous row', run: () => moveRow(-1) },
    { keys: 'Enter', does: 'Open the row', run: (event) => openFocused(event) },
    { keys: 'v', does: 'Charts as tables, and back', run: () => toggleTables() },
    { keys: 'r', does: 'Refresh now', run: refreshNow },
    { keys: '?', does: 'This help', run: showHelp },
  ];
}

/** Enter belongs to what has the focus: links and buttons know it, so it is pressed for them. */
function openFocused(event: KeyboardEvent): void {
  if (event.target instanceof HTMLElement) event.target.click();
}

/** The panel in focus shows its table; without one in focus all panels of the page do. */
function toggleTables(): void {
  const panel = document.activeElement?.closest('[data-panel]');
  const scope = panel ?? document;
  for (const button of scope.querySelectorAll<HTMLElement>('[data-table-twin]')) button.click();
}
