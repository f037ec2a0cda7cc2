import { useEffect } from 'preact/hooks';
import { fetchLibrary, type Library, type Pack } from '../../api/packs';
import { plural, whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { StateBadge, StateShape } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { Coverage } from './Coverage';
import { inOrder, LAYERS, looksFor, serviceStanding, worstOf } from './standing';
import { Verified } from './Verified';
import './library.css';

/** Every pack: where it was found, what it can judge, and what it would look for. */
export function LibraryPage() {
  useEffect(() => {
    document.title = 'Library · Pyrometer';
  }, []);
  const { remote, again } = useQuery('library', '', fetchLibrary);
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the library"
      skeleton={<SkeletonRows rows={10} height={36} />}
    >
      {(library) => <Packs library={library} />}
    </Loadable>
  );
}

const packHref = (id: string) => hrefTo(`/library/${encodeURIComponent(id)}`);

function Packs({ library }: { library: Library }) {
  const text = param('filter').trim().toLowerCase();
  const says = ({ id, title, services }: Pack) =>
    [id, title, ...services.map(({ service }) => service)].join(' ').toLowerCase();
  const { found, others } = inOrder(library.packs.filter((pack) => says(pack).includes(text)));
  return (
    <section class="library">
      <div class="page-head">
        <h1>Library</h1>
        <div class="filters">
          <span class="count">{plural(library.packs.length, 'pack')}</span>
          <span class="count dim">
            {whole(library.packs.filter(({ services }) => services.length > 0).length)} found here
          </span>
          <a class="button" href={hrefTo('/library/mappings')}>
            Your metrics
          </a>
          <input
            class="field filter-field"
            type="search"
            aria-label="Filter packs"
            placeholder="Filter by technology, service"
            value={param('filter')}
            onInput={(event) => setParams({ filter: event.currentTarget.value })}
          />
        </div>
      </div>
      <p class="dim lead">
        A pack is what is known about one technology: how to recognise it, what to alert on, what to
        draw, what to do. It is used by itself where it was found.
        {!library.judged && (
          <strong> Packs are switched off (--no-packs): nothing of them is judged.</strong>
        )}
      </p>
      {found.length > 0 ? (
        <FoundPacks packs={found} judged={library.judged} />
      ) : (
        <NothingFound filtered={text !== ''} services={library.services.length} />
      )}
      {found.length > 0 && <Coverage packs={found} library={library} />}
      {others.length > 0 && <OtherPacks packs={others} />}
    </section>
  );
}

function FoundPacks({ packs, judged }: { packs: Pack[]; judged: boolean }) {
  return (
    <div class="scroll-x">
      <table class="list packs">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Pack</th>
            <th scope="col">Found in</th>
            <th scope="col">Alerts</th>
            <th scope="col" class="num wide-only">
              Dashboards
            </th>
          </tr>
        </thead>
        <tbody>
          {packs.map((pack) => (
            <PackRow key={pack.id} pack={pack} judged={judged} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The worst of its services: one line has one shape. */
function standingOf(pack: Pack, judged: boolean) {
  const sum = { service: '', why: '', variants: {}, severity: worstOf(pack.services), ...ZERO };
  for (const one of pack.services) {
    for (const name of Object.keys(ZERO) as (keyof typeof ZERO)[]) sum[name] += one[name];
  }
  return serviceStanding(sum, judged);
}
const ZERO = { armed: 0, needs_data: 0, not_evaluable: 0, off: 0, firing: 0, pending: 0 };

function PackRow({ pack, judged }: { pack: Pack; judged: boolean }) {
  const { state, hollow, word } = standingOf(pack, judged);
  const names = pack.services.map(({ service }) => service);
  return (
    <tr class={`row ${state}`}>
      <td class="col-state">
        <StateBadge state={state} hollow={hollow} quiet word={word} />
      </td>
      <th scope="row" class="col-name">
        <a class="row-link" data-row href={packHref(pack.id)}>
          <span class="name cut">{pack.title}</span>
          <span class="faint small">{LAYERS[pack.layer]}</span>
          <Verified verified={pack.verified} brief />
        </a>
      </th>
      <td class="col-found">
        <span class="cut" title={names.join(', ')}>
          {names.length > 3
            ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
            : names.join(', ')}
        </span>
      </td>
      <td class="col-standing">
        <span class="cut" title={word}>
          {word}
        </span>
      </td>
      <td class="num wide-only">{whole(pack.dashboards.length)}</td>
    </tr>
  );
}

function OtherPacks({ packs }: { packs: Pack[] }) {
  return (
    <section>
      <h2>Not found here</h2>
      <div class="scroll-x">
        <table class="list packs others">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Pack</th>
              <th scope="col">Looks for</th>
              <th scope="col" class="num wide-only">
                Alerts
              </th>
            </tr>
          </thead>
          <tbody>
            {packs.map((pack) => (
              <tr key={pack.id} class="row unknown">
                <td class="col-state">
                  <StateShape state="unknown" />
                </td>
                <th scope="row" class="col-name">
                  <a class="row-link" data-row href={packHref(pack.id)}>
                    <span class="name cut">{pack.title}</span>
                    <Verified verified={pack.verified} brief />
                  </a>
                </th>
                <td class="col-found">
                  <code class="cut small dim" title={looksFor(pack)}>
                    {looksFor(pack)}
                  </code>
                </td>
                <td class="num wide-only">{whole(pack.alerts)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function NothingFound({ filtered, services }: { filtered: boolean; services: number }) {
  if (filtered) return <p class="none">No pack that was found here is called so.</p>;
  return (
    <div class="empty">
      <h2>Nothing was recognised yet</h2>
      <p class="dim">
        {services === 0
          ? 'Nothing is scraped. A pack is found within ten seconds of the first scrape.'
          : 'The services that are scraped expose no metric that a pack knows.'}{' '}
        <a class="link" href={hrefTo('/targets')}>
          What is scraped
        </a>
      </p>
    </div>
  );
}
