import { useEffect } from 'preact/hooks';
import type { Answer } from '../../api/client';
import {
  fetchReceivers,
  fetchRoutes,
  notifies,
  type Receivers,
  type Route,
} from '../../api/notifications';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { hrefTo } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertTabs } from './AlertTabs';
import { NoNotifier } from './NoNotifier';
import { ReceiverTable } from './ReceiverTable';
import { RouteTree } from './RouteTree';
import { SentTable } from './SentTable';
import './alerts.css';
import './notifications.css';

type Told = { receivers: Receivers; root: Route } | null;

/** Who is told, by which way, and whether it arrived. */
export function NotificationsPage() {
  useEffect(() => {
    document.title = 'Notifications · Pyrometer';
  }, []);
  const { remote, again } = useQuery('told', '', fetchTold);
  return (
    <section>
      <AlertTabs />
      <Loadable
        remote={remote}
        again={again}
        what="who is told"
        skeleton={<SkeletonRows rows={8} height={36} />}
      >
        {(told) => (told === null ? <NoNotifier /> : <Notifications told={told} again={again} />)}
      </Loadable>
    </section>
  );
}

async function fetchTold(abort?: AbortSignal): Promise<Answer<Told>> {
  if (!(await notifies())) return { data: null, notes: [] };
  const [receivers, routes] = await Promise.all([fetchReceivers(abort), fetchRoutes(abort)]);
  return { data: { receivers: receivers.data, root: routes.data }, notes: receivers.notes };
}

function Notifications({ told, again }: { told: NonNullable<Told>; again: () => void }) {
  const { receivers, root } = told;
  const nobody = receivers.receivers.every(({ integrations }) => integrations.length === 0);
  if (nobody && receivers.alertmanagers.length === 0) return <NobodyTold file={receivers.file} />;
  return (
    <div class="notifications">
      <ReceiverTable receivers={receivers} again={again} />
      {receivers.file !== null && <RouteTree root={root} />}
      <SentTable receivers={receivers.receivers.map(({ name }) => name)} />
    </div>
  );
}

function NobodyTold({ file }: { file: string | null }) {
  return (
    <div class="empty">
      <h2>No receiver is configured: alerts show here only</h2>
      {file === null ? (
        <p class="dim">
          Start the server with <code>--notifications FILE</code>, where the file is Alertmanager’s
          configuration: a <code>route</code> and <code>receivers</code>. An Alertmanager that you
          run is told, too, once <code>alerting</code> in the configuration names it.
        </p>
      ) : (
        <p class="dim">
          <code>{file}</code> names no way to tell anybody: its receivers are empty.
        </p>
      )}
      <p class="dim">
        What fires is under{' '}
        <a class="link" href={hrefTo('/alerts')}>
          Now
        </a>
        .
      </p>
    </div>
  );
}
