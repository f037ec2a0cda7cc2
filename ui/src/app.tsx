import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { DownBanner, RailWithNews, SearchEverything } from './frame';
import {
  LazyAlertsPage,
  LazyDashboardPage,
  LazyDashboardsPage,
  LazyEntityPage,
  LazyExpressionPage,
  LazyGraphPage,
  LazyHelpDialog,
  LazyHomePage,
  LazyHistoryPage,
  LazyImportedPage,
  LazyIncidentPage,
  LazyIncidentsPage,
  LazyInsightsPage,
  LazyLibraryPage,
  LazyMappingsPage,
  LazyNotificationsPage,
  LazyObjectivePage,
  LazyObjectivesPage,
  LazyPackPage,
  LazyRulesPage,
  LazyServicePage,
  LazySilencesPage,
  LazyTargetsPage,
  prefetchPages,
} from './lazy';
import { NotFoundPage } from './pages/not-found/NotFoundPage';
import { pickerOpen } from './parts/pickerOpen';
import { RangePicker, stepRange } from './parts/RangePicker';
import { refreshNow } from './state/clock';
import { listenKeys, moveRow, type Shortcut } from './state/keys';
import { hrefTo, navigate, params, path } from './state/url';

/** The frame around every page: rail, bar, banner, keyboard. */
export function App() {
  const help = useSignal(false);
  const shortcuts = shortcutsOf(() => {
    help.value = true;
  });
  // No dependencies: the shortcuts never change.
  useEffect(() => listenKeys(shortcuts), []);
  useEffect(prefetchPages, []);
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
        <LazyHelpDialog
          shortcuts={shortcuts}
          onClose={() => {
            help.value = false;
          }}
        />
      )}
    </div>
  );
}

const PAGES: Record<string, ComponentType> = {
  '': LazyHomePage,
  '/services': LazyHomePage,
  '/alerts': LazyAlertsPage,
  '/alerts/history': LazyHistoryPage,
  '/alerts/rules': LazyRulesPage,
  '/alerts/silences': LazySilencesPage,
  '/alerts/notifications': LazyNotificationsPage,
  '/dashboards': LazyDashboardsPage,
  '/graph': GraphOrExpression,
  '/incidents': LazyIncidentsPage,
  '/insights': LazyInsightsPage,
  '/library': LazyLibraryPage,
  '/objectives': LazyObjectivesPage,
  '/targets': LazyTargetsPage,
  '/library/mappings': LazyMappingsPage,
};

/** Prometheus's links to expressions have the graph's address: an expression tells them apart. */
function GraphOrExpression() {
  return params.value.has('g0.expr') ? <LazyExpressionPage /> : <LazyGraphPage />;
}

function Page({ path }: { path: string }) {
  const at = path.replace(/\/$/, '');
  const Known = Object.hasOwn(PAGES, at) ? PAGES[at] : undefined;
  if (Known !== undefined) return <Known />;
  const [, kind, id = ''] =
    /^\/(services|library|dashboards|incidents|entities|objectives)\/(.+)$/.exec(at) ?? [];
  /^\/(services|library|dashboards|objectives|incidents|entities)\/(.+)$/.exec(at) ?? [];
  const name = decoded(id);
  switch (kind) {
    case 'services':
      if (!id.includes('/')) return <LazyServicePage key={name} name={name} />;
      break;
    case 'incidents':
      if (!id.includes('/')) return <LazyIncidentPage key={name} id={name} />;
      break;
    case 'entities': {
      const [type = '', entity = '', ...rest] = id.split('/').map(decoded);
      if (entity !== '' && rest.length === 0) return <LazyEntityPage type={type} name={entity} />;
      break;
    }
    case 'library':
      if (!id.includes('/')) return <LazyPackPage key={name} id={name} />;
      break;
    case 'objectives':
      if (!id.includes('/')) return <LazyObjectivePage key={name} id={name} />;
      break;
    case 'dashboards':
      // A pack's dashboard has the pack's name before it.
      if (!id.includes('/')) return <LazyImportedPage key={name} uid={name} />;
      return <LazyDashboardPage key={name} id={name} />;
  }
  return <NotFoundPage path={path} />;
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
    { keys: 'g i', does: 'Go to Incidents', run: to('/incidents') },
    { keys: 'g n', does: 'Go to Insights', run: to('/insights') },
    { keys: 'g g', does: 'Go to Graph', run: to('/graph') },
    { keys: 'g a', does: 'Go to Alerts', run: to('/alerts') },
    { keys: 'g r', does: 'Go to Rules', run: to('/alerts/rules') },
    { keys: 'g s', does: 'Go to Silences', run: to('/alerts/silences') },
    { keys: 'g d', does: 'Go to Dashboards', run: to('/dashboards') },
    { keys: 'g o', does: 'Go to Objectives', run: to('/objectives') },
    { keys: 'g l', does: 'Go to Library', run: to('/library') },
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
    { keys: 's', does: 'Silence the alert in focus', run: () => silenceFocused() },
    { keys: 'v', does: 'Pictures as tables, and back', run: () => toggleTables() },
    { keys: 'r', does: 'Refresh now', run: refreshNow },
    { keys: '?', does: 'This help', run: showHelp },
  ];
}

/** Enter belongs to what has the focus: links and buttons know it, so it is pressed for them. */
function openFocused(event: KeyboardEvent): void {
  if (event.target instanceof HTMLElement) event.target.click();
}

/** The alert in focus, or the one that is open, offers its silence. */
function silenceFocused(): void {
  const row = document.activeElement?.closest('tbody') ?? null;
  (row ?? document).querySelector<HTMLElement>('[data-silence]')?.click();
}

/** The panel in focus shows its table; without one in focus all panels of the page do. */
function toggleTables(): void {
  const panel = document.activeElement?.closest('[data-panel]');
  const scope = panel ?? document;
  for (const button of scope.querySelectorAll<HTMLElement>('[data-table-twin]')) button.click();
}
