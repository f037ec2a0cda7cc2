import type { PackAlert } from '../../api/packs';
import { lasting } from '../../format/duration';
import { CodeLine } from '../../parts/CodeLine';
import { PromQL } from '../../parts/PromQL';
import { Prose } from '../../parts/Prose';
import { StateBadge, severityState, STATE_WORDS, StateShape } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { alertStanding, overallStanding } from './standing';

/** The pack's alerts: how each stands, and opened, its expression and runbook. */
export function PackAlerts({
  alerts,
  judged,
  only,
  onSwitch,
}: {
  alerts: PackAlert[];
  judged: boolean;
  /** The one service that is asked for; empty for all. */
  only: string;
  onSwitch: (alert: string, isOff: boolean) => void;
}) {
  if (alerts.length === 0) return null;
  return (
    <section>
      <h2>Alerts {only !== '' && <span class="faint small">as they stand for {only}</span>}</h2>
      <div class="scroll-x">
        <table class="list alerts pack-alerts">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Alert</th>
              <th scope="col">Severity</th>
              <th scope="col">How it stands</th>
              <th scope="col" class="num">
                Holds for
              </th>
            </tr>
          </thead>
          {alerts.map((alert) => (
            <AlertLine
              key={alert.name}
              alert={alert}
              judged={judged}
              only={only}
              onSwitch={onSwitch}
            />
          ))}
        </table>
      </div>
    </section>
  );
}

function AlertLine({
  alert,
  judged,
  only,
  onSwitch,
}: {
  alert: PackAlert;
  judged: boolean;
  only: string;
  onSwitch: (alert: string, isOff: boolean) => void;
}) {
  const open = param('open') === alert.name;
  const shown =
    only === ''
      ? alert
      : { ...alert, services: alert.services.filter(({ service }) => service === only) };
  const { state, hollow, word } = overallStanding(shown, judged);
  const severity = severityState(alert.severity ?? undefined);
  return (
    <tbody>
      <tr class={`row ${state}`}>
        <td class="col-state">
          <StateBadge state={state} hollow={hollow} quiet word={word} />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : alert.name })}
          >
            <span class="name cut" title={alert.name}>
              {alert.name}
            </span>
          </button>
        </th>
        <td class="col-service">
          <span class={`badge ${severity}`}>
            <StateShape state={severity} />
            {severity === 'unknown' ? (alert.severity ?? '') : STATE_WORDS[severity]}
          </span>
        </td>
        <td class="col-summary">
          <span class={`cut ${state === 'unknown' ? 'waits' : ''}`} title={word}>
            {word}
          </span>
        </td>
        <td class="num dim">{alert.hold_s > 0 ? lasting(alert.hold_s * 1000) : 'at once'}</td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={4}>
            <Opened alert={shown} judged={judged} onSwitch={onSwitch} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Opened({
  alert,
  judged,
  onSwitch,
}: {
  alert: PackAlert;
  judged: boolean;
  onSwitch: (alert: string, isOff: boolean) => void;
}) {
  const isOff = alert.services.length > 0 && alert.services.every(({ state }) => state === 'off');
  return (
    <div class="detail pack-alert">
      <div>
        <CodeLine text={alert.query}>
          <PromQL expr={alert.query} />
        </CodeLine>
        <dl class="facts">
          {alert.summary !== null && (
            <>
              <dt>Says</dt>
              <dd>
                <code>{alert.summary}</code>
              </dd>
            </>
          )}
          <dt>Reads</dt>
          <dd>
            {alert.metrics.map((metric) => (
              <div key={metric}>
                <code>{metric}</code>
              </div>
            ))}
          </dd>
          {alert.services.map((one) => {
            const { state, hollow, word } = alertStanding(one, alert.severity, judged);
            return (
              <>
                <dt class="cut" title={one.service}>
                  {one.service}
                </dt>
                <dd>
                  <StateBadge state={state} hollow={hollow} word={word} />
                </dd>
              </>
            );
          })}
        </dl>
        <p class="button-row wraps">
          <a class="button" href={hrefTo('/alerts/rules', { filter: alert.name })}>
            Its rule
          </a>
          <a class="button" href={hrefTo('/alerts/history', { filter: alert.name })}>
            When it fired
          </a>
          <button type="button" class="button" onClick={() => onSwitch(alert.name, isOff)}>
            {isOff ? 'Switch on again' : 'Switch off'}
          </button>
        </p>
      </div>
      {alert.runbook !== null && (
        <section class="runbook" aria-label="Runbook">
          <h3>Runbook</h3>
          <Prose text={alert.runbook.replace(/^# [^\n]*\n+/, '')} />
        </section>
      )}
    </div>
  );
}
