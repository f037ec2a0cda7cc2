import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { matchersText, type ReadMatchers, readMatchers } from '../../format/matchers';
import { plural, whole } from '../../format/number';
import { Icon } from '../../parts/Icon';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { isHeartbeat, StateShape, severityState } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertRow } from './AlertRow';
import { AlertTabs } from './AlertTabs';
import {
  type AlertGroup,
  type Doing,
  filtered,
  GROUPINGS,
  groupsOf,
  isAlerting,
  type Raised,
} from './alertList';
import { fetchRaised, type RaisedAnswer } from './fetchRaised';
import { SilenceDialog, type SilenceWish, wishFor } from './SilenceDialog';
import './alerts.css';

/** What fires, what is about to, and what is kept quiet. */
export function AlertsPage() {
  useEffect(() => {
    document.title = 'Alerts · Pyrometer';
  }, []);
  const { remote, again } = useQuery('raised', '', fetchRaised);
  return (
    <section>
      <AlertTabs />
      <Loadable
        remote={remote}
        again={again}
        what="the alerts"
        skeleton={<SkeletonRows rows={20} height={28} />}
      >
        {(answer) => <Alerts answer={answer} again={again} />}
      </Loadable>
    </section>
  );
}

function Alerts({ answer, again }: { answer: RaisedAnswer; again: () => void }) {
  const { raised, groups, notifies } = answer;
  const wish = useSignal<SilenceWish | null>(null);
  const text = param('filter');
  const read = readMatchers(param('labels'));
  const doing = param('state');
  const shown = useMemo(
    () => filtered(raised, { text, matchers: read.matchers, doing }),
    [raised, text, param('labels'), doing],
  );
  return (
    <>
      <Filters raised={raised} read={read} notifies={notifies} />
      {shown.length > 0 ? (
        <AlertTable
          shown={shown}
          onSilence={
            notifies
              ? (one) => {
                  wish.value = wishFor(one.alert.labels, one.rule.name);
                }
              : null
          }
        />
      ) : (
        <Quiet raised={raised.length} groups={groups} />
      )}
      {wish.value !== null && (
        <SilenceDialog
          wish={wish.value}
          raised={raised}
          onDone={(saved) => {
            wish.value = null;
            if (saved) again();
          }}
        />
      )}
    </>
  );
}

/** Counts that are filters, the labels that are asked for, the grouping and the text. */
function Filters({
  raised,
  read,
  notifies,
}: {
  raised: Raised[];
  read: ReadMatchers;
  notifies: boolean;
}) {
  const news = raised.filter(({ alert }) => !isHeartbeat(alert.labels));
  const states: Doing[] = notifies
    ? ['firing', 'pending', 'silenced', 'inhibited']
    : ['firing', 'pending'];
  const chosen = param('state');
  // They come worst first.
  const gravest = news.find((one) => one.doing === 'firing');
  const worst = gravest && severityState(gravest.alert.labels.severity);
  return (
    <div class="page-head alert-head">
      <div class="filters">
        {states.map((doing) => {
          const count = news.filter((one) => one.doing === doing).length;
          return (
            <button
              key={doing}
              type="button"
              class="filter"
              aria-pressed={chosen === doing}
              onClick={() => setParams({ state: chosen === doing ? null : doing })}
            >
              {doing === 'firing' && worst !== undefined && <StateShape state={worst} />}
              <span class="num">{whole(count)}</span> {doing}
            </button>
          );
        })}
        <label class="grouping">
          <span class="dim">Group by</span>
          <select
            class="button"
            value={param('group')}
            onChange={(event) => setParams({ group: event.currentTarget.value })}
          >
            {GROUPINGS.map(([key, name]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <input
          class="field filter-field"
          type="search"
          aria-label="Filter alerts"
          placeholder="Filter by name, label, text"
          value={param('filter')}
          onInput={(event) => setParams({ filter: event.currentTarget.value })}
        />
      </div>
      {(read.matchers.length > 0 || read.rest !== '') && (
        <ul class="chips asked" aria-label="Labels that are asked for">
          {read.matchers.map((matcher, i) => (
            <li key={matchersText([matcher])}>
              <button
                type="button"
                class="chip chip-off"
                title="Ask for it no more"
                onClick={() =>
                  setParams({ labels: matchersText(read.matchers.filter((_, at) => at !== i)) })
                }
              >
                <span class="chip-name">{matcher.name}</span>
                <span class="chip-value">
                  {matcher.op === '=' ? '' : `${matcher.op} `}
                  {matcher.value}
                </span>
                <Icon name="close" />
              </button>
            </li>
          ))}
          {read.rest !== '' && <li class="wrong">cannot read “{read.rest}”</li>}
        </ul>
      )}
    </div>
  );
}

function AlertTable({
  shown,
  onSilence,
}: {
  shown: Raised[];
  onSilence: ((one: Raised) => void) | null;
}) {
  const by = param('group');
  const open = param('open');
  const groups = groupsOf(shown, by);
  const ordered = groups.flatMap(({ members }) => members);
  return (
    <div class="scroll-x">
      <table class="list alerts">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Alert</th>
            <th scope="col">Service</th>
            <th scope="col" class="col-summary">
              What
            </th>
            <th scope="col" class="num">
              Value
            </th>
            <th scope="col" class="num">
              Since
            </th>
            <th scope="col" class="col-act">
              <span class="hidden">Silence</span>
            </th>
          </tr>
        </thead>
        <Paged
          items={ordered}
          atLeast={open === '' ? 0 : ordered.findIndex(({ id }) => id === open) + 1}
        >
          {(page, more) => (
            <>
              {groupsOf(page, by).map((group) => (
                <>
                  {by !== 'none' && (
                    <GroupHead
                      key={`group ${group.key}`}
                      group={group}
                      by={by}
                      count={groups.find(({ key }) => key === group.key)?.members.length ?? 0}
                    />
                  )}
                  {group.members.map((one) => (
                    <AlertRow key={one.id} raised={one} onSilence={onSilence} />
                  ))}
                </>
              ))}
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
    </div>
  );
}

function GroupHead({ group, by, count }: { group: AlertGroup; by: string; count: number }) {
  return (
    <tbody>
      <tr class="group-row alert-group">
        <th scope="rowgroup" colSpan={7}>
          {by === 'service' && group.key !== '' ? (
            <a class="group-name" href={hrefTo(`/services/${encodeURIComponent(group.key)}`)}>
              {group.name}
            </a>
          ) : (
            <span class="group-name">{group.name}</span>
          )}
          <span class="faint num">{whole(count)}</span>
        </th>
      </tr>
    </tbody>
  );
}

/** Why no alert is listed: the filter hides them, nothing fires, or nothing could. */
function Quiet({ raised, groups }: { raised: number; groups: RaisedAnswer['groups'] }) {
  if (raised > 0) {
    return (
      <p class="none">
        None of the {plural(raised, 'alert')} fits what is asked for.{' '}
        <button
          type="button"
          class="text-button"
          onClick={() => setParams({ filter: null, labels: null, state: null })}
        >
          Show all
        </button>
      </p>
    );
  }
  const rules = groups.flatMap((group) => group.rules).filter(isAlerting);
  const blind = rules.filter(
    ({ health, notEvaluable }) => health !== 'ok' || notEvaluable !== undefined,
  ).length;
  if (rules.length === 0) return <NoRules />;
  return (
    <div class="empty">
      <h2>Nothing fires and nothing is pending</h2>
      <p class="dim">
        {plural(rules.length - blind, 'alerting rule')}{' '}
        {rules.length - blind === 1 ? 'watches' : 'watch'}
        {blind > 0 && `, ${whole(blind)} cannot say anything yet`}.{' '}
        <a class="link" href={hrefTo('/alerts/rules')}>
          All rules
        </a>
      </p>
    </div>
  );
}

function NoRules() {
  return (
    <div class="empty">
      <h2>No rules yet</h2>
      <p class="dim">
        Rules come by themselves with the pack of each technology that is recognised, once a{' '}
        <a class="link" href={hrefTo('/')}>
          service
        </a>{' '}
        is scraped; the{' '}
        <a class="link" href={hrefTo('/library')}>
          library
        </a>{' '}
        has them all. Your own Prometheus rule files go under <code>rule_files</code> in the
        configuration.
      </p>
    </div>
  );
}
