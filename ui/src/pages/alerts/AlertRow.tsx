import { digits } from '../../format/number';
import { Ago } from '../../parts/Ago';
import { STATE_WORDS, StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { type Raised, serviceOf } from './alertList';
import { RuleFacts } from './RuleFacts';

/** One firing or pending alert in 28 px; opened, everything that is known of it. */
export function AlertRow({ raised }: { raised: Raised }) {
  const { alert, rule, id, sinceMs } = raised;
  const open = param('open') === id;
  const severity = severityState(alert.labels.severity);
  const pending = alert.state === 'pending';
  const service = serviceOf(alert.labels);
  const summary = alert.annotations.summary ?? alert.annotations.description ?? '';
  const value = Number(alert.value);
  return (
    <tbody class={pending ? 'pending' : ''}>
      <tr class={`row ${severity}`}>
        <td class="col-state">
          <StateBadge
            state={severity}
            hollow={pending}
            quiet
            word={`${STATE_WORDS[severity]}, ${alert.state}`}
          />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : id })}
          >
            <span class="name cut" title={rule.name}>
              {rule.name}
            </span>
            {pending && <span class="tag">pending</span>}
          </button>
        </th>
        <td class="col-service">
          {service !== null && (
            <a class="link cut" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
              {service}
            </a>
          )}
        </td>
        <td class="col-summary">
          <span class="cut" title={summary}>
            {summary}
          </span>
        </td>
        <td class="num wide-only">{Number.isFinite(value) ? digits(value) : alert.value}</td>
        <td class="num dim">
          <Ago ms={sinceMs} />
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={5}>
            <RuleFacts
              rule={rule}
              labels={alert.labels}
              annotations={alert.annotations}
              sinceMs={sinceMs}
              group={raised.group}
            />
          </td>
        </tr>
      )}
    </tbody>
  );
}
