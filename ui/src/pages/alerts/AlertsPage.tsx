import { useEffect, useMemo } from 'preact/hooks';
import { fetchRules, type RuleGroup } from '../../api/rules';
import { plural, whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { isHeartbeat, StateShape } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertRow } from './AlertRow';
import { isAlerting, mentions, raisedOf } from './alertList';
import { RuleGroups } from './RuleGroups';

/** What fires, what is about to, and every rule that could. */
export function AlertsPage() {
  useEffect(() => {
    document.title = 'Alerts · Pyrometer';
  }, []);
  const { remote, again } = useQuery('rules', '', fetchRules);
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the alerts"
      skeleton={<SkeletonRows rows={12} height={28} />}
    >
      {({ groups }) => <Alerts groups={groups} />}
    </Loadable>
  );
}

function Alerts({ groups }: { groups: RuleGroup[] }) {
  const filter = param('filter');
  const open = param('open');
  const raised = useMemo(() => raisedOf(groups), [groups]);
  const shown = raised.filter(({ alert, rule }) =>
    mentions(filter, rule.name, alert.labels, alert.annotations),
  );
  const news = raised.filter(({ alert }) => !isHeartbeat(alert.labels));
  const firing = news.filter(({ alert }) => alert.state === 'firing').length;
  const rules = groups.flatMap((group) => group.rules);
  const armed = rules.filter(isAlerting).length;
  return (
    <section>
      <div class="page-head">
        <h1>Alerts</h1>
        <div class="filters">
          <span class="count">
            {firing > 0 && <StateShape state="critical" />}
            {firing === 0 ? 'Nothing fires' : `${whole(firing)} firing`}
          </span>
          <span class="count dim">{whole(news.length - firing)} pending</span>
          <FilterField value={filter} />
        </div>
      </div>
      {shown.length > 0 ? (
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
              </tr>
            </thead>
            <Paged
              items={shown}
              atLeast={open === '' ? 0 : shown.findIndex(({ id }) => id === open) + 1}
            >
              {(page, more) => (
                <>
                  {page.map((one) => (
                    <AlertRow key={one.id} raised={one} />
                  ))}
                  {more !== null && <caption>{more}</caption>}
                </>
              )}
            </Paged>
          </table>
        </div>
      ) : (
        <p class="none">{silence(raised.length, armed, filter)}</p>
      )}
      {rules.length === 0 ? <NoRules /> : <RuleGroups groups={groups} filter={filter} />}
    </section>
  );
}

/** Why no alert is listed: the filter hides them, nothing fires, or nothing could. */
function silence(raised: number, armed: number, filter: string): string {
  if (raised > 0) return `None of the ${plural(raised, 'alert')} mentions “${filter}”.`;
  if (armed === 0) return 'Nothing fires.';
  const watch = armed === 1 ? 'watches' : 'watch';
  return `Nothing fires and nothing is pending. ${plural(armed, 'alerting rule')} ${watch}.`;
}

function FilterField({ value }: { value: string }) {
  return (
    <input
      class="field filter-field"
      type="search"
      aria-label="Filter alerts and rules"
      placeholder="Filter by name, label, text"
      value={value}
      onInput={(event) => setParams({ filter: event.currentTarget.value })}
    />
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
        is scraped. Your own Prometheus rule files go under <code>rule_files</code> in the
        configuration.
      </p>
    </div>
  );
}
