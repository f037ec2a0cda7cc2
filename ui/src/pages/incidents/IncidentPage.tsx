import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { fetchAssertions } from '../../api/assertions';
import { unlessAbsent } from '../../api/client';
import { fetchIncident, type IncidentDetail } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { entityId } from '../../diagnosis/entity';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { serverNow } from '../../state/clock';
import { hrefTo } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import type { Act, ActDialogProps } from './ActDialog';
import { Changes } from './Changes';
import { IncidentHead } from './IncidentHead';
import { Members } from './Members';
import { Suspects } from './Suspects';
import { Timeline } from './Timeline';
import '../../style/diagnosis.css';
import './incidents.css';

const Propagation = lazily<{ incident: IncidentDetail }>(
  async () => (await import('./Propagation')).Propagation,
  <div class="chart-skeleton" style={{ height: '420px' }} />,
);
const ActDialog = lazily<ActDialogProps>(async () => (await import('./ActDialog')).ActDialog, null);

// What came before it is a part of the story; an hour holds most deploys.
const BEFORE_S = 3_600;

/** One incident: what is wrong, why, how it spread, what changed, what happened when. */
export function IncidentPage({ id }: { id: string }) {
  const { remote, again } = useQuery(id, '', (abort) => fetchIncident(id, abort));
  const { value, error } = remote.value;
  useEffect(() => {
    document.title = `${value?.title ?? 'Incident'} · Pyrometer`;
  }, [value?.title]);
  if (error?.kind === 'not_found' && value === undefined) return <NoIncident id={id} />;
  return (
    <Loadable
      remote={remote}
      again={again}
      what="this incident"
      skeleton={<SkeletonRows rows={5} height={110} />}
    >
      {(incident) => <Detail incident={incident} again={again} />}
    </Loadable>
  );
}

/** The time that the page is about, in Unix seconds: from somewhat before until it was over. */
export function storyOf({ start, end }: Pick<IncidentDetail, 'start' | 'end'>, nowMs: number) {
  const from = Math.floor((timeMs(start) ?? nowMs) / 1000);
  const to = Math.ceil((timeMs(end) ?? nowMs) / 1000);
  return { start: from - BEFORE_S, end: Math.max(to, from + 60) };
}

function Detail({ incident, again }: { incident: IncidentDetail; again: () => void }) {
  const act = useSignal<Act | null>(null);
  const story = storyOf(incident, serverNow());
  const { remote } = useQuery(`assertions of ${incident.id}`, '', (abort) =>
    unlessAbsent(fetchAssertions(story, abort)),
  );
  const members = useMemo(() => new Set(incident.members.map(entityId)), [incident.members]);
  const assertions = useMemo(
    () =>
      (remote.value.value?.assertions ?? []).filter(({ entity }) => members.has(entityId(entity))),
    [remote.value.value, members],
  );
  return (
    <article class="incident">
      <IncidentHead
        incident={incident}
        onAct={(next) => {
          act.value = next;
        }}
      />
      <Suspects incident={incident} />
      <Propagation incident={incident} />
      <Changes incident={incident} />
      <Timeline incident={incident} assertions={assertions} />
      <Members incident={incident} assertions={assertions} />
      {act.value !== null && (
        <ActDialog
          act={act.value}
          incident={incident}
          onDone={(done) => {
            act.value = null;
            if (done) again();
          }}
        />
      )}
    </article>
  );
}

function NoIncident({ id }: { id: string }) {
  return (
    <section class="empty">
      <h1>No incident is called {id}</h1>
      <p>
        It may have become a part of another one, or be older than what is kept. The list has all
        that there are.
      </p>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/incidents')}>
          All incidents
        </a>
      </p>
    </section>
  );
}
