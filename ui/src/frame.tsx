import { useSignal } from '@preact/signals';
import { fetchAlerts } from './api/alerts';
import { fetchBuildInfo } from './api/buildinfo';
import { serverDownSince } from './api/client';
import { fetchServices } from './api/services';
import { lasting } from './format/duration';
import { clock } from './format/time';
import { AgainButton } from './parts/Loadable';
import { Rail, type RailLink } from './parts/Rail';
import { type Found, Search } from './parts/Search';
import { isHeartbeat, severityState } from './parts/StateBadge';
import { now, refreshNow } from './state/clock';
import { hrefTo } from './state/url';
import { useQuery } from './state/useQuery';

// The parts of the frame that ask the server themselves, so that the frame is not drawn anew.

const PAGES: RailLink[] = [
  { path: '/', name: 'Home', icon: 'home' },
  { path: '/alerts', name: 'Alerts', icon: 'alerts' },
  { path: '/objectives', name: 'Objectives', icon: 'objectives' },
  { path: '/dashboards', name: 'Dashboards', icon: 'chart' },
  { path: '/targets', name: 'Targets', icon: 'targets' },
  { path: '/library', name: 'Library', icon: 'library' },
];

/** What is found by its name and stands below another page. */
const SUBPAGES = [
  { path: '/alerts/rules', name: 'Rules' },
  { path: '/alerts/history', name: 'Alert history' },
  { path: '/alerts/silences', name: 'Silences' },
  { path: '/alerts/notifications', name: 'Notifications' },
];

/** The rail with how many alerts fire and which build answers. */
export function RailWithNews({ onHelp }: { onHelp: () => void }) {
  const { remote } = useQuery('alerts', '', fetchAlerts);
  const build = useQuery('build', '', fetchBuildInfo, { live: false });
  const info = build.remote.value.value;
  const firing = (remote.value.value?.alerts ?? []).filter(
    ({ state, labels }) => state === 'firing' && !isHeartbeat(labels),
  );
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
  return (
    <Rail links={links} version={info?.pyrometerVersion ?? info?.version ?? ''} onHelp={onHelp} />
  );
}

/** The search field; what can be found is asked for when somebody goes there. */
export function SearchEverything() {
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
    ...[...PAGES, ...SUBPAGES].map(({ name, path }) => ({
      name,
      kind: 'page',
      href: hrefTo(path),
    })),
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

export function DownBanner() {
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
