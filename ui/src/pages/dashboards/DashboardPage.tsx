import { useEffect, useMemo } from 'preact/hooks';
import { fetchLibrary, type Library } from '../../api/packs';
import { fetchService, type ServiceDetail } from '../../api/service';
import { plural } from '../../format/number';
import { stepFor, windowFor } from '../../format/steps';
import { Begins } from '../../panels/dataBegin';
import { PanelBox } from '../../panels/PanelBox';
import { PageContext } from '../../panels/pageContext';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { bounds } from '../../state/clock';
import { ColourBook } from '../../state/colours';
import { hrefTo, param, range, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import './dashboards.css';

// The narrowest a chart gets on a desktop. The window must fit the step of any of them.
const CHART_PX = 320;

/** One dashboard for one service. `id` is `flask/overview`. */
export function DashboardPage({ id }: { id: string }) {
  const { remote, again } = useQuery('library', '', fetchLibrary);
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the dashboard"
      skeleton={<SkeletonRows rows={5} height={96} />}
    >
      {(library) => <Chosen id={id} library={library} />}
    </Loadable>
  );
}

function Chosen({ id, library }: { id: string; library: Library }) {
  const pack = library.packs.find(({ dashboards }) => dashboards.some((one) => one.id === id));
  const dashboard = pack?.dashboards.find((one) => one.id === id);
  useEffect(() => {
    document.title = `${dashboard?.title ?? id} · Pyrometer`;
  }, [id, dashboard?.title]);
  if (pack === undefined || dashboard === undefined) return <NoDashboard id={id} />;
  const services = pack.services.map(({ service }) => service);
  const wanted = param('service');
  const service = wanted !== '' ? wanted : (services[0] ?? '');
  return (
    <article class="service dashboard-page">
      <header>
        <p class="crumbs small">
          <a class="link" href={hrefTo('/dashboards')}>
            Dashboards
          </a>
        </p>
        <div class="page-head">
          <h1>{dashboard.title}</h1>
          {services.length > 0 && (
            <label class="grouping">
              <span class="dim">Service</span>
              <select
                class="button"
                value={service}
                onChange={(event) => setParams({ service: event.currentTarget.value }, 'push')}
              >
                {(services.includes(service) ? services : [service, ...services]).map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          )}
          <p class="dim small">
            {plural(dashboard.panels, 'panel')} of the pack{' '}
            <a class="link" href={hrefTo(`/library/${encodeURIComponent(pack.id)}`)}>
              {pack.title}
            </a>
          </p>
          <p class="exports small">
            <span class="dim">Take it along:</span>
            {(['grafana', 'perses'] as const).map((format) => (
              <a key={format} class="link" href={exportHref(id, format)} download>
                {EXPORT_NAMES[format]}
              </a>
            ))}
          </p>
        </div>
      </header>
      {service === '' ? (
        <section class="empty">
          <h2>Not detected in any service</h2>
          <p class="dim">
            What it would need is on the page of its{' '}
            <a class="link" href={hrefTo(`/library/${encodeURIComponent(pack.id)}`)}>
              pack
            </a>
            .
          </p>
        </section>
      ) : (
        <Panels key={service} id={id} service={service} />
      )}
    </article>
  );
}

const EXPORT_NAMES = { grafana: 'Grafana JSON', perses: 'Perses JSON' };

/** `flask/overview`: the dashboard of that name in the pack before the slash. */
function exportHref(id: string, format: keyof typeof EXPORT_NAMES): string {
  const [pack = '', ...rest] = id.split('/');
  const dashboard = encodeURIComponent(rest.join('/'));
  return `/api/v1/packs/${encodeURIComponent(pack)}/dashboards/${dashboard}?format=${format}`;
}

function Panels({ id, service }: { id: string; service: string }) {
  const { startMs, endMs } = bounds();
  const window = windowFor(stepFor((endMs - startMs) / 1000, CHART_PX, 5));
  const { remote, again } = useQuery(service, JSON.stringify([range.value, window]), (abort) =>
    fetchService(service, window, abort),
  );
  const { value, error } = remote.value;
  if (error?.kind === 'not_found' && value === undefined) return <NoService service={service} />;
  return (
    <Loadable
      remote={remote}
      again={again}
      what={service}
      skeleton={<SkeletonRows rows={5} height={96} />}
    >
      {(detail) => <Rows id={id} detail={detail} />}
    </Loadable>
  );
}

function Rows({ id, detail }: { id: string; detail: ServiceDetail }) {
  const colours = useMemo(() => new ColourBook(), []);
  const begins = useMemo(() => new Begins(), []);
  const { service, dashboards } = detail;
  const dashboard = dashboards.find((one) => one.id === id);
  if (dashboard === undefined) return <NoService service={service.name} />;
  const context = {
    colours,
    spans: service.alerts.filter(({ state }) => state === 'firing'),
    changedMs: service.changed_ms,
    note: service.note,
    begins,
    explained: true,
  };
  const only = param('panel');
  const rows = dashboard.rows
    .map((row) => ({
      ...row,
      panels: row.panels.filter((panel) => only === '' || `${id}:${panel.id}` === only),
    }))
    .filter(({ panels }) => panels.length > 0);
  return (
    <PageContext.Provider value={context}>
      <div class="dashboard">
        {rows.map((row) => (
          <section key={row.title} class="panel-row">
            <h2>{row.title}</h2>
            <div class="panel-grid">
              {row.panels.map((panel) => (
                <PanelBox
                  key={panel.id}
                  id={`${id}:${panel.id}`}
                  panel={panel}
                  large={only !== ''}
                />
              ))}
            </div>
          </section>
        ))}
      </div>
    </PageContext.Provider>
  );
}

function NoService({ service }: { service: string }) {
  return (
    <section class="empty">
      <h2>{service} has no such dashboard now</h2>
      <p class="dim">
        It is not scraped in the time that is shown, or no longer exposes what this draws. Choose
        another service above, or see{' '}
        <a class="link" href={hrefTo('/targets')}>
          what is scraped
        </a>
        .
      </p>
    </section>
  );
}

function NoDashboard({ id }: { id: string }) {
  return (
    <section class="empty">
      <h1>No dashboard is called {id}</h1>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/dashboards')}>
          All dashboards
        </a>
      </p>
    </section>
  );
}
