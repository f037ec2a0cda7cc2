import { useEffect, useMemo } from 'preact/hooks';
import { fetchService, type ServiceDetail } from '../../api/service';
import { stepFor, windowFor } from '../../format/steps';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { bounds } from '../../state/clock';
import { ColourBook } from '../../state/colours';
import { hrefTo, param, range } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { Begins } from '../../panels/dataBegin';
import { Dashboards } from './Dashboards';
import type { Processes } from './Instances';
import { PageContext } from '../../panels/pageContext';
import { ServiceAlerts } from './ServiceAlerts';
import { ServiceHead } from './ServiceHead';

// Below the charts, so it is fetched after them.
const LazyProcesses = lazily<Parameters<typeof Processes>[0]>(
  async () => (await import('./Instances')).Processes,
  <SkeletonRows rows={2} />,
);

// The narrowest a chart gets on a desktop. The window must fit the step of any of them.
const CHART_PX = 320;

/** One service: what is wrong, since when, the numbers, the instances. */
export function ServicePage({ name }: { name: string }) {
  useEffect(() => {
    document.title = `${name} · Pyrometer`;
  }, [name]);
  const { startMs, endMs } = bounds();
  const window = windowFor(stepFor((endMs - startMs) / 1000, CHART_PX, 5));
  const { remote, again } = useQuery(name, JSON.stringify([range.value, window]), (abort) =>
    fetchService(name, window, abort),
  );
  const { value, error } = remote.value;
  if (error?.kind === 'not_found' && value === undefined) return <NoService name={name} />;
  return (
    <Loadable
      remote={remote}
      again={again}
      what={name}
      skeleton={<SkeletonRows rows={5} height={96} />}
    >
      {(detail) => <Detail detail={detail} />}
    </Loadable>
  );
}

function Detail({ detail }: { detail: ServiceDetail }) {
  const { service, instances, detections, dashboards } = detail;
  const colours = useMemo(() => new ColourBook(), []);
  const begins = useMemo(() => new Begins(), []);
  const context = {
    colours,
    spans: service.alerts.filter(({ state }) => state === 'firing'),
    changedMs: service.changed_ms,
    note: service.note,
    begins,
  };
  return (
    <article class="service">
      <ServiceHead service={service} begins={begins} />
      <ServiceAlerts alerts={service.alerts} />
      <PageContext.Provider value={context}>
        <Dashboards dashboards={dashboards} only={param('panel')} />
      </PageContext.Provider>
      <LazyProcesses instances={instances} detections={detections} job={service.name} />
    </article>
  );
}

function NoService({ name }: { name: string }) {
  return (
    <section class="empty">
      <h1>No service is called {name}</h1>
      <p>
        It was not scraped in the time that is shown. Its process may not run, or carry another
        name: <code>PYROMETER_SERVICE={name}</code> sets it.
      </p>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/')}>
          All services
        </a>
        <a class="button" href={hrefTo('/targets')}>
          What is scraped
        </a>
      </p>
    </section>
  );
}
