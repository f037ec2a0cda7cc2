import { Ago } from '../../parts/Ago';
import { Icon } from '../../parts/Icon';
import { STATE_WORDS, StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { AlertDetail } from './AlertDetail';
import { distinct, type Raised, sentenceOf, serviceOf, valueOf } from './alertList';

/** One alert in 28 px; opened, everything that is known of it. */
export function AlertRow({
  raised,
  onSilence,
}: {
  raised: Raised;
  /** Null where nothing can be silenced. */
  onSilence: ((one: Raised) => void) | null;
}) {
  const { alert, rule, id, sinceMs, doing } = raised;
  const open = param('open') === id;
  const severity = severityState(alert.labels.severity);
  const service = serviceOf(alert.labels);
  const what = sentenceOf(alert);
  return (
    <tbody class={doing}>
      <tr class={`row ${severity}`}>
        <td class="col-state">
          <StateBadge
            state={severity}
            hollow={doing !== 'firing'}
            quiet
            word={`${STATE_WORDS[severity]}, ${doing}`}
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
            <span class="faint small cut">{distinct(alert.labels)}</span>
            {doing !== 'firing' && <span class="tag">{doing}</span>}
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
          <span class="cut" title={what}>
            {what}
          </span>
        </td>
        <td class="num wide-only">{valueOf(alert)}</td>
        <td class="num dim col-since">
          <Ago ms={sinceMs} />
        </td>
        <td class="col-act">
          {onSilence !== null && (
            <button
              type="button"
              class="icon-button"
              data-silence
              title="Silence (s)"
              aria-label={`Silence ${rule.name}${service === null ? '' : ` of ${service}`}`}
              onClick={() => onSilence(raised)}
            >
              <Icon name="silence" />
            </button>
          )}
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={6}>
            <AlertDetail raised={raised} onSilence={onSilence} />
          </td>
        </tr>
      )}
    </tbody>
  );
}
