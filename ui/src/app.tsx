import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { fetchAlerts } from './api/alerts';
import { fetchBuildInfo } from './api/buildinfo';
import { serverDownSince } from './api/client';
import { fetchServices } from './api/services';
import { lasting } from './format/duration';
import { clock } from './format/time';
import { LazyServicePage, prefetchServicePage } from './lazy';
import { AlertsPage } from './pages/alerts/AlertsPage';
import { HomePage } from './pages/home/HomePage';
import { NotFoundPage } from './pages/not-found/NotFoundPage';
import { TargetsPage } from './pages/targets/TargetsPage';
import { HelpDialog } from './parts/HelpDialog';
import { AgainButton } from './parts/Loadable';
import { Rail, type RailLink } from './parts/Rail';
import { pickerOpen, RangePicker, stepRange } from './parts/RangePicker';
import { type Found, Search } from './parts/Search';
import { severityState } from './parts/StateBadge';
import { now, refreshNow } from './state/clock';
import { listenKeys, moveRow, type Shortcut } from './state/keys';
import { hrefTo, navigate, path } from './state/url';
import { useQuery } from './state/useQuery';

const PAGES: RailLink[] = [
  { path: '/', name: 'Home', icon: 'home' },
  { path: '/alerts', name: 'Alerts', icon: 'alerts' },
  { path: '/targets', name: 'Targets', icon: 'targets' },
];

/** The frame around every page: rail, bar, banner, keyboard. */
export function App() {
  const help = useSignal(false);
  const shortcuts = shortcutsOf(() => {
    help.value = true;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shortcuts never change
  useEffect(() => listenKeys(shortcuts), []);
  useEffect(prefetchServicePage, []);
  // A new page begins at its top for the keyboard and for screen readers, too.
  const opened = useRef(path.value);
  useEffect(() => {
    if (opened.current !== path.value) document.getElementById('main')?.focus();
    opened.current = path.value;
  }, [path.value]);

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
          <Page path={path.value} />
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

/** The rail with how many alerts fire and which build answers. */
function RailWithNews({ onHelp }: { onHelp: () => void }) {
  const { remote } = useQuery('alerts', '', fetchAlerts);
  const build = useQuery('build', '', fetchBuildInfo, { live: false });
  const firing = (remote.value.value?.alerts ?? []).filter(({ state }) => state === 'firing');
  const critical = firing.some(({ labels }) => severityState(labels.severity) === 'critical');
  const links = PAGES.map((page) =>
    page.path !== '/alerts' || firing.length === 0
      ? page
      : {
          ...page,
          badge: {
            count: firing.length,
            state: critical ? ('critical' as const) : ('warning' as const),
            says: `${firing.length} firing`,
          },
        },
  );
  return <Rail links={links} version={build.remote.value.value?.version ?? ''} onHelp={onHelp} />;
}

/** The search field; what can be found is asked for when somebody goes there. */
function SearchEverything() {
  const wanted = useSignal(false);
  const services = useQuery('search', '', (abort) => fetchServices(undefined, abort), {
    enabled: wanted.value,
  });
  const alerts = useQuery('search-alerts', '', fetchAlerts, { enabled: wanted.value });
  const all: Found[] = [
    ...(services.remote.value.value?.services ?? []).map(({ name }) => ({
      name,
      kind: 'service',
      href: hrefTo(`/services/${encodeURIComponent(name)}`),
    })),
    ...PAGES.map(({ name, path }) => ({ name, kind: 'page', href: hrefTo(path) })),
    ...alertNames(alerts.remote.value.value?.alerts ?? []).map((name) => ({
      name,
      kind: 'alert',
      href: hrefTo('/alerts', { filter: name }),
    })),
  ];
  return (
    <Search
      all={all}
      onOpen={() => {
        wanted.value = true;
      }}
    />
  );
}

function alertNames(alerts: { labels: Record<string, string> }[]): string[] {
  return [...new Set(alerts.map(({ labels }) => labels.alertname ?? ''))].filter((it) => it !== '');
}

function DownBanner() {
  const since = serverDownSince.value;
  if (since === null) return null;
  return (
    <div class="banner" role="alert">
      <p>
        <strong>
          The server has not answered since {clock(since)}, for {lasting(Date.now() - since)}.
        </strong>{' '}
        {now.value > 0 && 'What you see is from before.'} Does <code>pyrometer up</code> still run?
      </p>
      <AgainButton again={refreshNow} />
    </div>
  );
}
