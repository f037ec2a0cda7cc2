import { useEffect } from 'preact/hooks';
import { fetchTargets, type Target } from '../../api/targets';
import { plural } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { StateShape } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { TargetRow, targetState } from './TargetRow';

/** What is scraped, by job: does it answer, how much does it say, what was wrong with it. */
export function TargetsPage() {
  useEffect(() => {
    document.title = 'Targets · Pyrometer';
  }, []);
  const { remote, again } = useQuery('targets', '', fetchTargets);
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the targets"
      skeleton={<SkeletonRows rows={10} height={32} />}
    >
      {({ activeTargets }) =>
        activeTargets.length === 0 ? <NoTargets /> : <TargetList targets={activeTargets} />
      }
    </Loadable>
  );
}

function NoTargets() {
  return (
    <section class="empty">
      <h1>Nothing is scraped yet</h1>
      <p>
        No process on this machine uses the package, and no configuration names a target.{' '}
        <a class="link" href={hrefTo('/')}>
          How to begin
        </a>
      </p>
    </section>
  );
}

const troubled = (target: Target) =>
  target.health !== 'up' || Boolean(target.limited) || (target.rejectedTotal ?? 0) > 0;

function TargetList({ targets }: { targets: Target[] }) {
  const only = param('show');
  const shown = only === 'trouble' ? targets.filter(troubled) : targets;
  const jobs = byJob(shown);
  const names = [...jobs.keys()].sort(
    (a, b) => worst(jobs.get(b)) - worst(jobs.get(a)) || (a < b ? -1 : 1),
  );
  const wrong = targets.filter(troubled).length;
  return (
    <section>
      <div class="page-head">
        <h1>Targets</h1>
        <div class="filters" role="group" aria-label="Show only">
          <span class="dim">
            {targets.filter(({ health }) => health === 'up').length} of{' '}
            {plural(targets.length, 'target')} up
          </span>
          {(wrong > 0 || only !== '') && (
            <button
              type="button"
              class="filter"
              aria-pressed={only === 'trouble'}
              onClick={() => setParams({ show: only === 'trouble' ? null : 'trouble' })}
            >
              <StateShape state={wrong > 0 ? 'critical' : 'good'} />
              <span class="num">{wrong}</span> with trouble
            </button>
          )}
        </div>
      </div>
      <div class="scroll-x">
        <table class="list targets">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Target</th>
              <th scope="col" class="num">
                Last scrape
              </th>
              <th scope="col" class="num">
                Took
              </th>
              <th scope="col" class="num">
                Samples
              </th>
              <th scope="col" class="col-trouble">
                Trouble
              </th>
            </tr>
          </thead>
          {names.map((name) => (
            <Job key={name} name={name} targets={jobs.get(name) ?? []} />
          ))}
        </table>
      </div>
      {shown.length === 0 && <p class="none">Every target answers, and no line was rejected.</p>}
    </section>
  );
}

function byJob(targets: Target[]): Map<string, Target[]> {
  const jobs = new Map<string, Target[]>();
  for (const target of targets) {
    const name = target.labels.job ?? target.scrapePool;
    jobs.set(name, [...(jobs.get(name) ?? []), target]);
  }
  return jobs;
}

const worst = (targets: Target[] = []) =>
  Math.max(
    0,
    ...targets.map((target) =>
      ['good', 'unknown', 'warning', 'critical'].indexOf(targetState(target)),
    ),
  );

function Job({ name, targets }: { name: string; targets: Target[] }) {
  const up = targets.filter(({ health }) => health === 'up').length;
  const service = targets.find((target) => target.service !== undefined)?.service ?? name;
  return (
    <tbody>
      <tr class="group-row">
        <th scope="rowgroup" colSpan={6}>
          <a class="group-name" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
            {name}
          </a>
          <span class={up < targets.length ? 'critical-text small' : 'faint small'}>
            {up} of {targets.length} up
          </span>
        </th>
      </tr>
      {targets.map((target) => (
        <TargetRow key={target.scrapeUrl + (target.labels.instance ?? '')} target={target} />
      ))}
    </tbody>
  );
}
