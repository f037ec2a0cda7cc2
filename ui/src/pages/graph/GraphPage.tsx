import { useEffect, useMemo } from 'preact/hooks';
import { unlessAbsent } from '../../api/client';
import { fetchGraph, type Graph } from '../../api/graph';
import { fetchIncidents } from '../../api/incidents';
import { type Boxed, boxesOf } from '../../diagnosis/boxes';
import { isTrouble } from '../../diagnosis/entity';
import {
  type Choice,
  chosenFrom,
  type Node,
  nodeState,
  type Picture,
  pictureOf,
} from '../../diagnosis/picture';
import { plural } from '../../format/number';
import { untilText } from '../../format/time';
import { EntityGraph } from '../../parts/EntityGraph';
import { Loadable } from '../../parts/Loadable';
import { serverNow } from '../../state/clock';
import { hrefTo, param, params, range, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { GraphHead } from './GraphHead';
import { GraphTable } from './GraphTable';
import { Peek } from './Peek';
import { TimeTravel } from './TimeTravel';
import '../../style/diagnosis.css';
import './graph.css';

const DAY_S = 86_400;
const HOPS_MAX = 5;

/** What hangs on what, and where it hurts, at the end of the chosen time. */
export function GraphPage() {
  useEffect(() => {
    document.title = 'Graph · Pyrometer';
  }, []);
  const time = range.value.kind === 'absolute' ? range.value.toMs / 1000 : undefined;
  const choice = choiceOf(params.value);
  const question = {
    time,
    ...(choice.focus !== '' && { focus: choice.focus, hops: choice.hops }),
  };
  const { remote, again } = useQuery('graph', JSON.stringify(question), (abort) =>
    fetchGraph(question, abort),
  );
  const past = useQuery('graph-incidents', '', (abort) => {
    const end = Math.round(serverNow() / 1000);
    return unlessAbsent(fetchIncidents({ state: 'all', start: end - DAY_S, end }, abort));
  });
  return (
    <section class="graph-page">
      <Loadable remote={remote} again={again} what="the graph" skeleton={<GraphSkeleton />}>
        {(graph) =>
          graph.entities.length === 0 ? (
            <NoGraph time={time} />
          ) : (
            <Shown graph={graph} choice={choice} />
          )
        }
      </Loadable>
      <TimeTravel incidents={past.remote.value.value?.incidents ?? []} />
    </section>
  );
}

/** What the URL says is to be shown; what it does not say is the default. */
export function choiceOf(search: URLSearchParams): Choice {
  const show = search.get('show');
  const hops = Number(search.get('hops') ?? '1');
  return {
    show: show === 'all' || show === 'errors' ? show : 'trouble',
    focus: search.get('focus') ?? '',
    hops: Number.isInteger(hops) ? Math.min(HOPS_MAX, Math.max(1, hops)) : 1,
    hidden: new Set((search.get('hide') ?? '').split(',').filter((kind) => kind !== '')),
  };
}

function Shown({ graph, choice }: { graph: Graph; choice: Choice }) {
  const unfolded = param('parts') === '1';
  const table = param('table') === '1';
  const selected = param('sel');
  const open = param('open');
  const { show, focus, hops } = choice;
  const hidden = [...choice.hidden].join(',');
  const whole = useMemo(() => pictureOf(graph, unfolded), [graph, unfolded]);
  // The choice is made anew from the URL each time: its parts stand for it.
  const picture = useMemo(() => chosenFrom(whole, choice), [whole, show, focus, hops, hidden]);
  const boxed = useMemo(
    () => boxesOf(picture, new Set(open.split(' ').filter((id) => id !== ''))),
    [picture, open],
  );
  const node = nodeOf(picture, selected);
  const middle = nodeOf(whole, focus);
  return (
    <>
      <GraphHead
        entities={whole.nodes.map(({ entity }) => entity)}
        choice={choice}
        focusName={focus === '' ? null : (middle?.entity.name ?? focus)}
        unfolded={unfolded}
        table={table}
      />
      <Said graph={graph} whole={whole} picture={picture} boxed={boxed} choice={choice} />
      {table ? (
        <GraphTable picture={picture} />
      ) : (
        <div class={node === undefined ? 'graph-body' : 'graph-body with-peek'}>
          <EntityGraph
            boxed={boxed}
            edges={picture.edges}
            selected={node?.entity.id ?? ''}
            eye={middle?.entity.id ?? firstWrong(boxed)}
            label="Entity graph. Arrow keys go from one to the next, Enter opens, v shows a table."
            onSelect={(id) => setParams({ sel: id === selected ? null : id })}
            onToggle={(id) => setParams({ open: toggledIn(open, id) })}
          />
          {node !== undefined && <Peek node={node} picture={whole} />}
        </div>
      )}
    </>
  );
}

const nodeOf = ({ nodes }: Picture, id: string): Node | undefined =>
  id === ''
    ? undefined
    : nodes.find((node) => node.entity.id === id || node.inside.some((part) => part.id === id));

const firstWrong = ({ boxes }: Boxed): string =>
  (boxes.find(({ state }) => state === 'critical') ?? boxes.find(isTrouble) ?? boxes[0])?.id ?? '';

/** Ids of groups have no spaces: a space parts them in the URL. */
function toggledIn(open: string, id: string): string {
  const ids = open.split(' ').filter((one) => one !== '');
  return (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]).join(' ');
}

/** In words what the picture shows, and what it does not. */
function Said({
  graph,
  whole,
  picture,
  boxed,
  choice,
}: {
  graph: Graph;
  whole: Picture;
  picture: Picture;
  boxed: Boxed;
  choice: Choice;
}) {
  const wrong = whole.nodes.filter((node) => isTrouble({ state: nodeState(node) })).length;
  const shown = picture.nodes.length;
  const of = whole.nodes.length;
  const calm = choice.show === 'trouble' && wrong === 0 && choice.focus === '';
  const lost = choice.focus !== '' && nodeOf(whole, choice.focus) === undefined;
  return (
    <p class="graph-said small dim" role="status">
      {lost && `${choice.focus} was not there at this time. `}
      {calm ? 'Nothing is wrong, so all of it is shown. ' : `${wrong} in trouble. `}
      {shown === of ? plural(of, 'entity', 'entities') : `${shown} of ${of} entities`}
      {boxed.size !== 'layered' && `, grouped by kind and place`}
      {graph.truncated && '. There is more than is shown at once: focus on one, or hide kinds'}.
      {shown === 0 && (
        <button
          type="button"
          class="text-button"
          onClick={() => setParams({ show: 'all', hide: null })}
        >
          Show all
        </button>
      )}
    </p>
  );
}

function GraphSkeleton() {
  return (
    <div class="graph-window" aria-hidden="true">
      <div class="graph-skeleton">
        {Array.from({ length: 6 }, (_, i) => (
          // Boxes have no other identity than their place.
          <span key={i} class="bar" />
        ))}
      </div>
    </div>
  );
}

function NoGraph({ time }: { time: number | undefined }) {
  return (
    <section class="empty">
      <h1>{time === undefined ? 'Nothing to draw yet' : 'Nothing was known at this time'}</h1>
      <p>
        {time === undefined ? (
          <>
            The graph draws itself from what is scraped: services, the databases and services that
            they call, the hosts that they run on. It takes about 15 s after the first scrape.
          </>
        ) : (
          <>
            At {untilText(time * 1000, serverNow())} no entity was written. Pyrometer may not have
            run then, or does not keep what is so old.
          </>
        )}
      </p>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/targets')}>
          What is scraped
        </a>
      </p>
    </section>
  );
}
