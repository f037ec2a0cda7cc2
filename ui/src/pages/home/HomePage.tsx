import { useEffect } from 'preact/hooks';
import { fetchServices, type Service, type ServiceState, type Services } from '../../api/services';
import { plural } from '../../format/number';
import { aligned, stepFor } from '../../format/steps';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { STATE_WORDS, StateShape } from '../../parts/StateBadge';
import { bounds } from '../../state/clock';
import { param, range, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { Now } from './Now';
import { ServiceRow } from './ServiceRow';

// Only a server that watches nothing yet needs it.
const FirstRun = lazily<object>(
  async () => (await import('./FirstRun')).FirstRun,
  <SkeletonRows rows={4} height={64} />,
);

const SPARK_PX = 120;
const STATES: ServiceState[] = ['critical', 'warning', 'unknown', 'good'];

/** What is wrong now, then every service, worst first. */
export function HomePage() {
  useEffect(() => {
    document.title = 'Home · Pyrometer';
  }, []);
  const { remote, again } = useQuery('services', JSON.stringify(range.value), (abort) => {
    const { startMs, endMs } = bounds();
    const step = stepFor((endMs - startMs) / 1000, SPARK_PX, 5);
    return fetchServices(aligned(startMs, endMs, step), abort);
  });
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the services"
      skeleton={<SkeletonRows rows={8} height={40} />}
    >
      {(answer) =>
        answer.services.length === 0 ? (
          <FirstRun />
        ) : (
          <>
            <Now />
            <ServiceList {...answer} />
          </>
        )
      }
    </Loadable>
  );
}

function ServiceList({ services }: Services) {
  const state = param('state');
  const shown = services.filter((service) => state === '' || service.state === state);
  return (
    <section class="home">
      <div class="page-head">
        <h1>Services</h1>
        <StateFilter services={services} chosen={state} />
      </div>
      <table class="list services">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Service</th>
            <th scope="col" class="col-sentence">
              <span class="hidden">What is wrong</span>
            </th>
            <th scope="col" class="col-kpi">
              Requests
            </th>
            <th scope="col" class="col-kpi">
              Errors
            </th>
            <th scope="col" class="col-kpi">
              95 % faster than
            </th>
            <th scope="col" class="num col-up">
              Up
            </th>
            <th scope="col" class="num col-changed">
              Changed
            </th>
          </tr>
        </thead>
        <Paged items={shown}>
          {(page, more) => (
            <>
              <tbody>
                {page.map((service) => (
                  <ServiceRow key={service.name} service={service} />
                ))}
              </tbody>
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
      {shown.length === 0 && (
        <p class="none">
          No service is in this state now.{' '}
          <button type="button" class="text-button" onClick={() => setParams({ state: null })}>
            Show all {plural(services.length, 'service')}
          </button>
        </p>
      )}
    </section>
  );
}

function StateFilter({ services, chosen }: { services: Service[]; chosen: string }) {
  return (
    <div class="filters" role="group" aria-label="Show only">
      {STATES.map((state) => {
        const count = services.filter((service) => service.state === state).length;
        if (count === 0 && state !== chosen) return null;
        return (
          <button
            key={state}
            type="button"
            class="filter"
            aria-pressed={state === chosen}
            onClick={() => setParams({ state: state === chosen ? null : state })}
          >
            <StateShape state={state} />
            <span class="num">{count}</span> {STATE_WORDS[state].toLowerCase()}
          </button>
        );
      })}
    </div>
  );
}
