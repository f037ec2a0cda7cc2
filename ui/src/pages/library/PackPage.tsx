import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fetchOverrides, type SavedOverride } from '../../api/overrides';
import { fetchPack, type PackDetail } from '../../api/packs';
import { entriesOf } from '../../format/labels';
import { plural } from '../../format/number';
import { CodeLine } from '../../parts/CodeLine';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { PromQL } from '../../parts/PromQL';
import { Inline } from '../../parts/Prose';
import { StateBadge } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { PackAlerts } from './PackAlerts';
import { Parameters } from './Parameters';
import { LAYERS, looksFor, serviceStanding } from './standing';
import { type Subject, TuneDialog } from './Tuning';
import { Verified } from './Verified';
import './library.css';

/** One pack: where and why it was found, its alerts with their runbooks, its numbers. */
export function PackPage({ id }: { id: string }) {
  useEffect(() => {
    document.title = `${id} · Library · Pyrometer`;
  }, [id]);
  const { remote, again } = useQuery(id, '', (abort) => fetchPack(id, abort));
  const { value, error } = remote.value;
  if (error?.kind === 'not_found' && value === undefined) return <NoPack id={id} />;
  return (
    <Loadable
      remote={remote}
      again={again}
      what={`the pack ${id}`}
      skeleton={<SkeletonRows rows={8} height={40} />}
    >
      {(detail) => <Detail detail={detail} again={again} />}
    </Loadable>
  );
}

function Detail({ detail, again }: { detail: PackDetail; again: () => void }) {
  const { pack, kpis, judged } = detail;
  const found = pack.services.length > 0;
  return (
    <article class="pack">
      <header>
        <p class="crumbs small">
          <a class="link" href={hrefTo('/library')}>
            Library
          </a>
        </p>
        <h1>{pack.title}</h1>
        <p class="dim">
          {LAYERS[pack.layer]} · version {pack.version} · {plural(pack.alerts, 'alert')}
          {pack.dashboards.map(({ id, title }) => (
            <span key={id}>
              {' · '}
              <a class="link" href={hrefTo(`/dashboards/${id}`)}>
                {title}
              </a>
            </span>
          ))}
        </p>
        <Verified verified={pack.verified} />
        {!judged && (
          <p class="verified-note">Packs are switched off (--no-packs): none of it is judged.</p>
        )}
      </header>
      {found ? (
        <Found detail={detail} />
      ) : (
        <section class="empty">
          <h2>Not found in any service</h2>
          <p class="dim">
            It looks for <code>{looksFor(pack)}</code>. Once a target exposes that, the pack is at
            work within ten seconds; until then none of its alerts is judged.
          </p>
        </section>
      )}
      <Tunable detail={detail} again={again} />
      <Kpis kpis={kpis} />
      <Knowledge detail={detail} />
    </article>
  );
}

/** The alerts and numbers that people change, and the dialog in which they do. */
function Tunable({ detail, again }: { detail: PackDetail; again: () => void }) {
  const { pack, alerts, judged, parameters } = detail;
  const only = param('service');
  const subject = useSignal<Subject | null>(null);
  const tuned = useQuery(pack.id, '', fetchOverrides);
  const made = tuned.remote.value.value;
  const lookAgain = () => {
    again();
    tuned.again();
  };
  // Until they are there, or where they cannot be had, what the pack itself says.
  const overrides =
    made?.overrides.filter((one) => one.pack === pack.id) ??
    detail.overrides.map((one): SavedOverride => ofFile(pack.id, one));
  return (
    <>
      <PackAlerts
        alerts={alerts}
        judged={judged}
        only={only}
        onSwitch={(alert, isOff) => {
          subject.value = { alert, isOff };
        }}
      />
      <Parameters
        parameters={parameters}
        overrides={overrides}
        file={made?.file ?? null}
        onTune={(parameter) => {
          subject.value = { parameter };
        }}
        again={lookAgain}
      />
      {subject.value !== null && (
        <TuneDialog
          pack={pack.id}
          subject={subject.value}
          where={only === '' ? '' : `job=${JSON.stringify(only)}`}
          onDone={(changed) => {
            subject.value = null;
            // The rules are made anew in a moment.
            if (changed) setTimeout(lookAgain, RELOAD_MS);
          }}
        />
      )}
    </>
  );
}

const RELOAD_MS = 700;

function ofFile(pack: string, { alert, ...one }: PackDetail['overrides'][number]): SavedOverride {
  return { ...one, id: null, source: 'file', pack, ...(alert !== null && { alert }) };
}

function Kpis({ kpis }: { kpis: PackDetail['kpis'] }) {
  return (
    <section>
      <h2>KPIs</h2>
      {kpis.length === 0 && <p class="none">It has no number of its own for Home.</p>}
      <dl class="facts">
        {kpis.map(({ name, query }) => (
          <>
            <dt>{name}</dt>
            <dd>
              <CodeLine text={query}>
                <PromQL expr={query} />
              </CodeLine>
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function Knowledge({ detail }: { detail: PackDetail }) {
  const { pack, conditional, provenance } = detail;
  return (
    <section>
      <h2>What it knows</h2>
      <dl class="facts">
        <dt>Looks for</dt>
        <dd>
          <code>{looksFor(pack)}</code>
        </dd>
        {conditional.map(({ metric, reason }) => (
          <>
            <dt>May lack</dt>
            <dd>
              <code>{metric}</code>: {reason}
            </dd>
          </>
        ))}
        {provenance.map((text) => (
          <>
            <dt>Comes from</dt>
            <dd>
              <Inline text={text} />
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

/** Where it was found, and the series that showed it. */
function Found({ detail: { pack, judged } }: { detail: PackDetail }) {
  const only = param('service');
  return (
    <section>
      <h2>Found in {plural(pack.services.length, 'service')}</h2>
      <div class="scroll-x">
        <table class="list packs found-in">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Service</th>
              <th scope="col">Because of</th>
              <th scope="col">Alerts</th>
            </tr>
          </thead>
          <tbody>
            {pack.services.map((one) => {
              const { state, hollow, word } = serviceStanding(one, judged);
              const chosen = only === one.service;
              return (
                <tr key={one.service} class={`row ${state}`} aria-selected={chosen}>
                  <td class="col-state">
                    <StateBadge state={state} hollow={hollow} quiet word={word} />
                  </td>
                  <th scope="row" class="col-name">
                    <button
                      type="button"
                      class="row-link"
                      data-row
                      aria-pressed={chosen}
                      title={chosen ? 'Show all services below' : 'Only this service below'}
                      onClick={() => setParams({ service: chosen ? null : one.service })}
                    >
                      <span class="name cut">{one.service}</span>
                      {chosen && <span class="tag">shown below</span>}
                    </button>
                  </th>
                  <td class="col-found">
                    <code class="cut small" title={one.why}>
                      {one.why}
                    </code>
                    {entriesOf(one.variants).map(([name, value]) => (
                      <span key={name} class="faint small cut">
                        {name.replaceAll('_', ' ')} is <code>{value}</code>
                      </span>
                    ))}
                  </td>
                  <td class="col-standing">
                    <span class="cut" title={word}>
                      {word}
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function NoPack({ id }: { id: string }) {
  return (
    <section class="empty">
      <h1>No pack is called {id}</h1>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/library')}>
          All packs
        </a>
      </p>
    </section>
  );
}
