import { useEffect } from 'preact/hooks';
import { fetchImports } from '../../api/dashboards';
import { fetchLibrary, type Library, type Pack } from '../../api/packs';
import { plural } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import './dashboards.css';

/** Every dashboard, those that have something to show first. */
export function DashboardsPage() {
  useEffect(() => {
    document.title = 'Dashboards · Pyrometer';
  }, []);
  const { remote, again } = useQuery('library', '', fetchLibrary);
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the dashboards"
      skeleton={<SkeletonRows rows={8} height={40} />}
    >
      {(library) => <Dashboards library={library} />}
    </Loadable>
  );
}

const dashboardHref = (id: string, service: string) =>
  hrefTo(`/dashboards/${id}`, service === '' ? {} : { service });

function Dashboards({ library }: { library: Library }) {
  const text = param('filter').trim().toLowerCase();
  const byService = param('by') === 'service';
  const has = ({ dashboards }: Pack) => dashboards.length > 0;
  const found = library.packs.filter((pack) => has(pack) && pack.services.length > 0);
  const others = library.packs.filter((pack) => has(pack) && pack.services.length === 0);
  return (
    <section class="dashboards">
      <div class="page-head">
        <h1>Dashboards</h1>
        <div class="filters">
          <span class="button-group" role="group" aria-label="Order">
            {(
              [
                ['', 'By technology'],
                ['service', 'By service'],
              ] as const
            ).map(([by, name]) => (
              <button
                key={by}
                type="button"
                class="button"
                aria-pressed={param('by') === by}
                onClick={() => setParams({ by })}
              >
                {name}
              </button>
            ))}
          </span>
          <input
            class="field filter-field"
            type="search"
            aria-label="Filter dashboards"
            placeholder="Filter by technology, service"
            value={param('filter')}
            onInput={(event) => setParams({ filter: event.currentTarget.value })}
          />
        </div>
      </div>
      {found.length === 0 ? (
        <NothingFound />
      ) : byService ? (
        <ByService packs={found} text={text} />
      ) : (
        <ByTechnology packs={found} text={text} />
      )}
      <Imports text={text} />
      {others.length > 0 && <NotDetected packs={others} text={text} />}
    </section>
  );
}

const fits = (text: string, ...names: string[]) =>
  text === '' || names.some((name) => name.toLowerCase().includes(text));

/** What was brought from Grafana, and how to bring more. */
function Imports({ text }: { text: string }) {
  const { remote } = useQuery('imports', '', fetchImports);
  const listed = remote.value.value;
  // The dashboards above are there without these.
  if (listed === undefined) return null;
  const shown = listed.filter(({ title, tags }) => fits(text, title, ...tags));
  return (
    <section class="imports">
      <h2>From Grafana</h2>
      {listed.length === 0 && (
        <p class="dim small">
          None yet. <code>pyrometer import FILE…</code> brings dashboards here and says what of them
          it shows.
        </p>
      )}
      <ul class="cards">
        {shown.map(({ uid, title, panels, shown: whole, error }) => (
          <li key={uid} class="card">
            <h2>
              <a data-row class="row-link" href={hrefTo(`/dashboards/${encodeURIComponent(uid)}`)}>
                {title}
              </a>
            </h2>
            <p class="small dim">{error ?? `${whole} of ${plural(panels, 'panel')} shown`}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function ByTechnology({ packs, text }: { packs: Pack[]; text: string }) {
  const shown = packs.flatMap((pack) => {
    const all = pack.services.map(({ service }) => service);
    const services = fits(text, pack.title) ? all : all.filter((service) => fits(text, service));
    return pack.dashboards
      .filter(({ title }) => services.length > 0 || fits(text, title))
      .map((dashboard) => ({ pack, dashboard, services: services.length > 0 ? services : all }));
  });
  if (shown.length === 0) return <NoneFits />;
  return (
    <ul class="cards">
      {shown.map(({ pack, dashboard, services }) => (
        <li key={dashboard.id} class="card">
          <h2>
            <a
              data-row
              class="row-link"
              href={dashboardHref(dashboard.id, services.length === 1 ? (services[0] ?? '') : '')}
            >
              {dashboard.title}
            </a>
          </h2>
          <p class="small dim">
            {pack.title} · {plural(dashboard.panels, 'panel')}
          </p>
          <ul class="chips">
            {services.slice(0, SERVICES_MAX).map((service) => (
              <li key={service}>
                <a class="chip service-chip" href={dashboardHref(dashboard.id, service)}>
                  {service}
                </a>
              </li>
            ))}
            {services.length > SERVICES_MAX && (
              <li class="small dim">and {services.length - SERVICES_MAX} more</li>
            )}
          </ul>
        </li>
      ))}
    </ul>
  );
}

// A card is a way in; the page of the dashboard has all services to choose from.
const SERVICES_MAX = 12;

function ByService({ packs, text }: { packs: Pack[]; text: string }) {
  const names = new Set(packs.flatMap(({ services }) => services.map(({ service }) => service)));
  const shown = [...names].sort().flatMap((service) => {
    const dashboards = packs
      .filter((pack) => pack.services.some((one) => one.service === service))
      .filter((pack) => fits(text, service, pack.title))
      .flatMap((pack) => pack.dashboards);
    return dashboards.length === 0 ? [] : [{ service, dashboards }];
  });
  if (shown.length === 0) return <NoneFits />;
  return (
    <ul class="cards">
      {shown.map(({ service, dashboards }) => (
        <li key={service} class="card">
          <h2>
            <a class="link" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
              {service}
            </a>
          </h2>
          <ul class="chips">
            {dashboards.map(({ id, title }) => (
              <li key={id}>
                <a data-row class="chip service-chip" href={dashboardHref(id, service)}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}

function NotDetected({ packs, text }: { packs: Pack[]; text: string }) {
  const shown = packs.filter(({ title, dashboards }) =>
    fits(text, title, ...dashboards.map((dashboard) => dashboard.title)),
  );
  if (shown.length === 0) return null;
  return (
    <section class="not-detected">
      <h2>Not detected</h2>
      <p class="small dim">They come by themselves once a service exposes what they draw.</p>
      <ul class="chips">
        {shown.map(({ id, title }) => (
          <li key={id}>
            <a class="chip service-chip dim" href={hrefTo(`/library/${encodeURIComponent(id)}`)}>
              {title}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

const NoneFits = () => <p class="none">No dashboard is called so.</p>;

function NothingFound() {
  return (
    <div class="empty">
      <h2>No dashboards yet</h2>
      <p class="dim">
        They come by themselves with each technology that is recognised.{' '}
        <a class="link" href={hrefTo('/targets')}>
          What is scraped
        </a>
      </p>
    </div>
  );
}
