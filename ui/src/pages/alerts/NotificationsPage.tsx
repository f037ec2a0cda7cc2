import { useEffect } from 'preact/hooks';
import { AlertTabs } from './AlertTabs';
import { NoNotifier } from './NoNotifier';
import './alerts.css';

/** Who is told, what, and whether it arrived. */
export function NotificationsPage() {
  useEffect(() => {
    document.title = 'Notifications · Pyrometer';
  }, []);
  return (
    <section>
      <AlertTabs />
      <NoNotifier />
    </section>
  );
}
