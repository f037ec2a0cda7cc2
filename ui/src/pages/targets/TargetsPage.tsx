import { useEffect } from 'preact/hooks';
import { fetchTargets, type Target } from '../../api/targets';
import { labelsId } from '../../format/labels';
import { plural, whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { grouped, Paged } from '../../parts/Paged';
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
  target.health !== 'up' || target.limited !== undefined || (target.rejectedTotal ?? 0) > 0;

function TargetList({ targets }: { targets: Target[] }) {
  const only = param('show');
  const shown = only === 'trouble' ? targets.filter(troubled) : targets;
  const jobs = jobsOf(shown);
  const rows = jobs.flatMap((job) => job.targets.map((target) => ({ job, target })));
  const open = param('open');
  const opened =
    open === '' ? -1 : rows.findIndex(({ target }) => labelsId(target.labels) === open);
  const wrong = targets.filter(troubled).length;
  return (
    <section>
      <div class="page-head">
        <h1>Targets</h1>
        <div class="filters" role="group" aria-label="Show only">
          <span class="dim">
            {whole(targets.filter(({ health }) => health === 'up').length)} of{' '}
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
              <span class="num">{whole(wrong)}</span> with trouble
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
          <Paged items={rows} atLeast={opened + 1}>
            {(page, more) => (
              <>
                {[...grouped(page, ({ job }) => job)].map(([job, members]) => (
                  <JobRows key={job.name} job={job} shown={members.map(({ target }) => target)} />
                ))}
                {more !== null && <caption>{more}</caption>}
              </>
            )}
          </Paged>
        </table>
      </div>
      {shown.length === 0 && <p class="none">Every target answers, and no line was rejected.</p>}
    </section>
  );
}

type Job = { name: string; service: string; up: number; targets: Target[] };

const BADNESS = ['good', 'unknown', 'warning', 'critical'];
const badness = (target: Target) => BADNESS.indexOf(targetState(target));

/** The targets by job: the jobs in trouble first, and within a job what is in trouble. */
function jobsOf(targets: Target[]): Job[] {
  const byName = grouped(targets, ({ labels, scrapePool }) => labels.job ?? scrapePool);
  return [...byName]
    .map(([name, members]) => ({
      name,
      service: members.find(({ service }) => service !== undefined)?.service ?? name,
      up: members.filter(({ health }) => health === 'up').length,
      targets: members
        .map((target) => ({ target, rank: badness(target) }))
        .sort((a, b) => b.rank - a.rank)
        .map(({ target }) => target),
    }))
    .sort((a, b) => worst(b) - worst(a) || (a.name < b.name ? -1 : 1));
}

const worst = ({ targets: [first] }: Job) => (first === undefined ? 0 : badness(first));

/** A job's head, which counts all its targets, and those of them that are shown. */
function JobRows({ job, shown }: { job: Job; shown: Target[] }) {
  const { name, service, up, targets } = job;
  return (
    <tbody>
      <tr class="group-row">
        <th scope="rowgroup" colSpan={6}>
          <a class="group-name" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
            {name}
          </a>
          <span class={up < targets.length ? 'critical-text small' : 'faint small'}>
            {whole(up)} of {whole(targets.length)} up
          </span>
        </th>
      </tr>
      {shown.map((target) => (
        <TargetRow key={target.scrapeUrl + (target.labels.instance ?? '')} target={target} />
      ))}
    </tbody>
  );
}
