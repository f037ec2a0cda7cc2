import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fetchObjectives, type Objective } from '../../api/objectives';
import { whole } from '../../format/number';
import { Ago } from '../../parts/Ago';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Sparkline } from '../../parts/Sparkline';
import { StateBadge, type ShapeState } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { BudgetBar } from './BudgetBar';
import { ObjectiveDialog } from './ObjectiveDialog';
import { Suggestions } from './Suggestions';
import {
  burnOf,
  burnText,
  entityWords,
  indicatorWords,
  share,
  targetText,
  worstFirst,
} from './words';
import './objectives.css';

const HOUR = 3_600;

/** How well services must work, and how they stand: worst first. */
export function ObjectivesPage() {
  useEffect(() => {
    document.title = 'Objectives · Pyrometer';
  }, []);
  const { remote, again } = useQuery('objectives', '', fetchObjectives);
  const making = useSignal(false);
  return (
    <section>
      <Loadable
        remote={remote}
        again={again}
        what="the objectives"
        skeleton={<SkeletonRows rows={6} height={44} />}
      >
        {({ objectives }) => (
          <Objectives
            objectives={objectives}
            again={again}
            onNew={() => {
              making.value = true;
            }}
          />
        )}
      </Loadable>
      {making.value && (
        <ObjectiveDialog
          objective={null}
          onDone={(saved) => {
            making.value = false;
            if (saved) again();
          }}
        />
      )}
    </section>
  );
}

const STATES: ShapeState[] = ['critical', 'warning', 'good', 'unknown'];

function Objectives({
  objectives,
  again,
  onNew,
}: {
  objectives: Objective[];
  again: () => void;
  onNew: () => void;
}) {
  const state = param('state');
  const text = param('filter').toLowerCase();
  const asked = param('suggestions') === 'open';
  const none = objectives.length === 0;
  const fits = (one: Objective) =>
    (state === '' || one.standing.state === state) &&
    `${one.title} ${entityWords(one)} ${one.id}`.toLowerCase().includes(text);
  const shown = worstFirst(objectives.filter(fits));
  return (
    <>
      <div class="page-head">
        <h1>Objectives</h1>
        <div class="filters">
          {!none &&
            STATES.map((one) => (
              <button
                key={one}
                type="button"
                class="filter"
                aria-pressed={state === one}
                onClick={() => setParams({ state: state === one ? null : one })}
              >
                <StateBadge state={one} quiet />
                <span class="num">
                  {whole(objectives.filter(({ standing }) => standing.state === one).length)}
                </span>{' '}
                {one}
              </button>
            ))}
          {!none && (
            <input
              class="field filter-field"
              type="search"
              aria-label="Filter objectives"
              placeholder="Filter by name or service"
              value={param('filter')}
              onInput={(event) => setParams({ filter: event.currentTarget.value })}
            />
          )}
          {!none && (
            <button
              type="button"
              class="button"
              aria-expanded={asked}
              onClick={() => setParams({ suggestions: asked ? null : 'open' })}
            >
              Suggestions
            </button>
          )}
          <button type="button" class={`button${none ? '' : ' primary'}`} onClick={onNew}>
            New objective
          </button>
        </div>
      </div>
      {none && (
        <div class="objectives-intro">
          <h2>How well must your services work?</h2>
          <p class="dim">
            An objective says which share of requests must go well, such as 99.5 % in 30 days. The
            rest is the error budget. You are told when it burns too fast, not at every failure.
          </p>
        </div>
      )}
      {(none || asked) && <Suggestions onMade={again} />}
      {!none &&
        (shown.length === 0 ? (
          <p class="none">
            No objective fits what is asked for.{' '}
            <button
              type="button"
              class="text-button"
              onClick={() => setParams({ filter: null, state: null })}
            >
              Show all
            </button>
          </p>
        ) : (
          <Table shown={shown} />
        ))}
    </>
  );
}

function Table({ shown }: { shown: Objective[] }) {
  return (
    <div class="scroll-x">
      <table class="list objectives">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Objective</th>
            <th scope="col" class="num">
              Now
            </th>
            <th scope="col" class="num">
              Target
            </th>
            <th scope="col">Budget</th>
            <th scope="col" class="col-spark">
              Over the window
            </th>
            <th
              scope="col"
              class="num"
              title="How many times as fast as it may, over the last hour"
            >
              Burn 1 h
            </th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <Row key={one.id} objective={one} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ objective }: { objective: Objective }) {
  const { standing } = objective;
  const burn = burnOf(standing, HOUR);
  const bad = standing.state === 'critical' || standing.state === 'warning';
  return (
    <tr class="row">
      <td>
        <StateBadge state={standing.state} quiet />
      </td>
      <th scope="row">
        <a
          class="row-link"
          data-row
          href={hrefTo(`/objectives/${encodeURIComponent(objective.id)}`)}
        >
          <span class="name cut">{objective.title}</span>
          <span class={`small cut ${bad ? `${standing.state}-text` : 'dim'}`}>
            {bad
              ? standing.sentence
              : `${entityWords(objective)} · ${indicatorWords(objective.indicator)} · ${objective.window_words}`}
          </span>
        </a>
      </th>
      <td class="num">{share(standing.good_ratio)}</td>
      <td class="num dim">{targetText(objective.target)}</td>
      <td>
        <BudgetBar standing={standing} />
      </td>
      <td class="col-spark">
        <Sparkline values={standing.spark.map((left) => Math.max(0, left))} alarm={bad} />
      </td>
      <td class={`num${burn !== null && burn > 1 ? ' critical-text' : ''}`}>{burnText(burn)}</td>
      <td class="nowrap">
        {bad ? <Ago ms={standing.since_ms} without="–" /> : <span class="faint">–</span>}
      </td>
    </tr>
  );
}
