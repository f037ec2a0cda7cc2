import { hrefTo, path } from '../../state/url';

const TABS = [
  ['/alerts', 'Now'],
  ['/alerts/history', 'History'],
  ['/alerts/rules', 'Rules'],
  ['/alerts/silences', 'Silences'],
  ['/alerts/notifications', 'Notifications'],
] as const;

/** The heading of all pages about alerts, and the way from one to the others. */
export function AlertTabs() {
  const at = path.value.replace(/\/$/, '');
  return (
    <div class="tabs-head">
      <h1>Alerts</h1>
      <nav class="tabs" aria-label="About alerts">
        {TABS.map(([to, name]) => (
          <a key={to} href={hrefTo(to)} aria-current={at === to ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
    </div>
  );
}
