import { fetchTaken, type Route, type Taken } from '../../api/notifications';
import { labelsId } from '../../format/labels';
import { StateShape } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { labelsIn, type PlacedRoute, routeRows, takes } from './routeTree';

/** The routes as they are asked, and those that an alert with given labels would take. */
export function RouteTree({ root }: { root: Route }) {
  const text = param('labels');
  const { labels, wrong } = labelsIn(text);
  const asked = wrong === '' && Object.keys(labels).length > 0;
  const { remote } = useQuery(labelsId(labels), '', async (abort) =>
    asked ? fetchTaken(labels, abort) : { data: { routes: [] }, notes: [] },
  );
  const { value, error } = remote.value;
  const taken = asked ? (value?.routes ?? []) : [];
  return (
    <section>
      <h2>Routes</h2>
      <label class="form-line route-ask">
        <span>Which way would an alert with these labels take?</span>
        <input
          class="field mono"
          spellcheck={false}
          placeholder='alertname="…", severity="critical"'
          value={text}
          onInput={(event) => setParams({ labels: event.currentTarget.value })}
        />
      </label>
      <p class="small" role="status">
        {wrong !== '' && <span class="wrong">{wrong}</span>}
        {wrong === '' && error !== undefined && <span class="wrong">{error.message}</span>}
        {asked && value !== undefined && <Way taken={taken} />}
      </p>
      <ol class="route-tree">
        {routeRows(root).map((placed) => (
          <RouteRow
            key={placed.route.id}
            placed={placed}
            taken={taken.find(({ id }) => id === placed.route.id)}
          />
        ))}
      </ol>
    </section>
  );
}

/** `To on-call and team-chat; on-call is quiet at this time.` */
function Way({ taken }: { taken: Taken[] }) {
  const quiet = taken.filter(({ quietNow }) => quietNow);
  const names = (routes: Taken[]) => routes.map(({ receiver }) => receiver).join(' and ');
  return (
    <>
      To <strong>{names(taken)}</strong>
      {quiet.length > 0 && `; ${names(quiet)} is quiet at this time`}
      {taken.every(({ integrations }) => integrations.length === 0) && ', which tells nobody'}.
    </>
  );
}

function RouteRow({ placed, taken }: { placed: PlacedRoute; taken: Taken | undefined }) {
  const { route, depth } = placed;
  const times = [
    ...route.muteTimeIntervals.map((name) => `not in ${name}`),
    ...route.activeTimeIntervals.map((name) => `only in ${name}`),
  ];
  return (
    <li
      class={taken === undefined ? 'route' : 'route taken'}
      style={{ '--depth': Math.min(depth, 12) }}
      aria-current={taken === undefined ? undefined : 'step'}
    >
      <span class="route-line">
        {taken !== undefined && <StateShape state="good" />}
        <code class="route-takes">{takes(route)}</code>
        <span class="dim" aria-hidden="true">
          →
        </span>
        <a class="link" href={hrefTo('/alerts/notifications', { receiver: route.receiver })}>
          {route.receiver}
        </a>
        {route.continue && (
          <span class="tag" title="An alert that it takes is asked for by the next routes, too">
            and goes on
          </span>
        )}
      </span>
      <span class="small faint">
        {route.groupBy.length === 0
          ? 'all in one message'
          : route.groupBy[0] === '...'
            ? 'each alert alone'
            : `one message for each ${route.groupBy.join(', ')}`}
        , after {route.groupWait}, again after {route.groupInterval} if changed, after{' '}
        {route.repeatInterval} if not
        {times.length > 0 && `; ${times.join(', ')}`}
      </span>
    </li>
  );
}
