import type { ServiceAlert } from '../../api/services';
import { Ago } from '../../parts/Ago';
import { STATE_WORDS, StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';

/** What fires on this service, each with the way to its rule. Nothing at all when nothing does. */
export function ServiceAlerts({ alerts }: { alerts: ServiceAlert[] }) {
  if (alerts.length === 0) return null;
  return (
    <section class="service-alerts" aria-label="Alerts">
      <ul>
        {alerts.map((alert) => {
          const severity = severityState(alert.severity);
          const pending = alert.state === 'pending';
          return (
            <li key={alert.name + alert.active_at_ms} class={`service-alert ${severity}`}>
              <StateBadge
                state={severity}
                hollow={pending}
                quiet
                word={`${STATE_WORDS[severity]}, ${alert.state}`}
              />
              <a data-row class="alert-name" href={hrefTo('/alerts', { filter: alert.name })}>
                {alert.name}
              </a>
              {pending && <span class="tag">pending</span>}
              <span class="alert-summary">{alert.summary ?? ''}</span>
              <span class="dim num">
                <Ago ms={alert.active_at_ms} />
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
