import { useSignal } from '@preact/signals';
import { fetchAlerts } from './api/alerts';
import { fetchBuildInfo } from './api/buildinfo';
import { serverDownSince, unlessAbsent } from './api/client';
import { fetchEntities } from './api/entities';
import { fetchIncidents } from './api/incidents';
import { fetchServices } from './api/services';
import { entityHref, kindWord } from './diagnosis/entity';
import { incidentHref } from './diagnosis/incident';
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
  { path: '/incidents', name: 'Incidents', icon: 'incidents' },
  { path: '/graph', name: 'Graph', icon: 'graph' },
  { path: '/insights', name: 'Insights', icon: 'insights' },
  { path: '/alerts', name: 'Alerts', icon: 'alerts' },
  { path: '/objectives', name: 'Objectives', icon: 'objectives' },
  { path: '/dashboards', name: 'Dashboards', icon: 'chart' },
  { path: '/targets', name: 'Targets', icon: 'targets' },
  { path: '/library', name: 'Library', icon: 'library' },
];

// One letter is in nearly every name.
const ENTITY_TEXT_MIN = 2;

/** What is found by its name and stands below another page. */
const SUBPAGES = [
  { path: '/alerts/rules', name: 'Rules' },
  { path: '/alerts/history', name: 'Alert history' },
  { path: '/alerts/silences', name: 'Silences' },
  { path: '/alerts/notifications', name: 'Notifications' },
];

/** The rail with how much is wrong and which build answers. */
export function RailWithNews({ onHelp }: { onHelp: () => void }) {
  const { remote } = useQuery('alerts', '', fetchAlerts);
  const incidents = useQuery('rail-incidents', '', (abort) =>
    unlessAbsent(fetchIncidents({ state: 'open' }, abort)),
  );
  const build = useQuery('build', '', fetchBuildInfo, { live: false });
  const info = build.remote.value.value;
  const firing = (remote.value.value?.alerts ?? []).filter(
    ({ state, labels }) => state === 'firing' && !isHeartbeat(labels),
  );
  const critical = firing.some(({ labels }) => severityState(labels.severity) === 'critical');
  const open = incidents.remote.value.value?.incidents ?? [];
  const grave = open.some(({ severity }) => severity === 'critical');
  const badges: Record<string, Badge | undefined> = {
    '/alerts': badgeOf(firing.length, critical, 'firing'),
    '/incidents': badgeOf(open.length, grave, 'open'),
  };
  const links = PAGES.map((page) => ({ ...page, badge: badges[page.path] }));
  return (
    <Rail links={links} version={info?.pyrometerVersion ?? info?.version ?? ''} onHelp={onHelp} />
  );
}

type Badge = NonNullable<RailLink['badge']>;

function badgeOf(count: number, critical: boolean, word: string): Badge | undefined {
  if (count === 0) return undefined;
  return { count, state: critical ? 'critical' : 'warning', says: `${count} ${word}` };
}

/** The search field; what can be found is asked for when somebody goes there. */
export function SearchEverything() {
  const wanted = useSignal(false);
  const text = useSignal('');
  const services = useQuery('search', '', (abort) => fetchServices(undefined, abort), {
    enabled: wanted.value,
  });
  const alerts = useQuery('search-alerts', '', fetchAlerts, { enabled: wanted.value });
  const incidents = useQuery(
    'search-incidents',
    '',
    (abort) => unlessAbsent(fetchIncidents({ state: 'open' }, abort)),
    { enabled: wanted.value },
  );
  // There may be thousands of entities: the server looks for them, from the second letter on.
  const asked = text.value.trim();
  const entities = useQuery(
    'search-entities',
    asked,
    (abort) => unlessAbsent(fetchEntities(asked, abort)),
    { enabled: asked.length >= ENTITY_TEXT_MIN, live: false },
  );
  const all: Found[] = [
    ...(services.remote.value.value?.services ?? []).map(({ name }) => ({
      name,
      kind: 'service',
      href: hrefTo(`/services/${encodeURIComponent(name)}`),
    })),
    ...(incidents.remote.value.value?.incidents ?? []).map(({ id, title }) => ({
      name: title,
      kind: 'incident',
      href: incidentHref(id),
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
    // Services have been named above, with the page that people know.
    ...(entities.remote.value.value?.entities ?? [])
      .filter(({ type }) => type !== 'service')
      .map((entity) => ({
        name: entity.name,
        kind: kindWord(entity.type),
        href: entityHref(entity),
        found: true,
      })),
  ];
  return (
    <Search
      all={all}
      onOpen={() => {
        wanted.value = true;
      }}
      onText={(next) => {
        text.value = next;
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
