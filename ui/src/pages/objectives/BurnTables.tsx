import type { ObjectiveDetail } from '../../api/objectives';
import { rangeName } from '../../format/duration';
import { Ago } from '../../parts/Ago';
import { StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';
import { burnText, eventsText } from './words';

/** How many times as fast as it may the budget burns, over every window. */
export function BurnRates({ objective: { standing, by } }: { objective: ObjectiveDetail }) {
  return (
    <table class="list burn-table" aria-label="Burn rates">
      <thead>
        <tr>
          <th scope="col">Over</th>
          <th scope="col" class="num">
            Burn
          </th>
          <th scope="col" class="num">
            Bad
          </th>
          <th scope="col" class="num">
            Of
          </th>
        </tr>
      </thead>
      <tbody>
        {standing.burns.map(({ window_seconds, rate, bad, total }) => (
          <tr key={window_seconds}>
            <th scope="row">{rangeName(window_seconds)}</th>
            <td class={`num${rate !== null && rate > 1 ? ' critical-text' : ''}`}>
              {burnText(rate)}
            </td>
            <td class="num">{eventsText(bad, by)}</td>
            <td class="num dim">{eventsText(total, by)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The three alerts, and whether they fire. */
export function BurnAlerts({ objective }: { objective: ObjectiveDetail }) {
  return (
    <table class="list burn-table" aria-label="Alerts">
      <thead>
        <tr>
          <th scope="col">Alert</th>
          <th scope="col" class="num">
            Above
          </th>
          <th scope="col">Over</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {objective.standing.alerts.map((alert) => (
          <tr key={alert.name}>
            <th scope="row">
              <a class="link" href={hrefTo('/alerts', { filter: alert.name })}>
                {alert.burn} burn
              </a>
            </th>
            <td class="num">{alert.factor}×</td>
            <td>
              {rangeName(alert.long_seconds)} and {rangeName(alert.short_seconds)}
            </td>
            <td>
              {!alert.can_fire ? (
                <span class="dim" title="With this target, more than all events would have to fail">
                  cannot fire
                </span>
              ) : alert.state === 'firing' ? (
                <span class="alert-fires">
                  <StateBadge state={severityState(alert.severity)} word="Fires" />{' '}
                  <span class="dim">
                    <Ago ms={alert.since_ms} without="" />
                  </span>
                </span>
              ) : (
                <span class="dim">{alert.state === 'unknown' ? 'not judged yet' : 'quiet'}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
