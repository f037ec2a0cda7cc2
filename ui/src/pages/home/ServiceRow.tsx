import type { Kpi, KpiName, Service } from '../../api/services';
import { NOTHING } from '../../format/number';
import { speak } from '../../format/units';
import { Ago } from '../../parts/Ago';
import { Sparkline } from '../../parts/Sparkline';
import { StateBadge } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';

/** One service in 40 px; on a phone in two lines. The whole row leads to the service. */
export function ServiceRow({ service }: { service: Service }) {
  const { name, state, sentence, note, instances, kpis } = service;
  const down = instances.up < instances.total;
  return (
    <tr class={`row ${state}`}>
      <td class="col-state">
        <StateBadge state={state} quiet />
      </td>
      <th scope="row" class="col-name">
        <a data-row class="row-link" href={hrefTo(`/services/${encodeURIComponent(name)}`)}>
          <span class="name cut" title={name}>
            {name}
          </span>
          <span class="framework faint small">{service.framework ?? service.runtime ?? ''}</span>
        </a>
      </th>
      <td class="col-sentence">
        <span
          class={sentence === null ? 'sentence dim' : 'sentence'}
          title={sentence ?? note ?? ''}
        >
          {sentence ?? note ?? ''}
        </span>
      </td>
      <KpiCell kpi={kpis.rate} name="Requests" alarm={isAlarm(service, 'rate')} />
      <KpiCell kpi={kpis.errors} name="Errors" alarm={isAlarm(service, 'errors')} />
      <KpiCell kpi={kpis.p95} name="p95" alarm={isAlarm(service, 'p95')} />
      <td class="num col-up">
        <span class={down ? 'up-down' : ''}>
          {instances.up} of {instances.total}
        </span>
        {service.workers !== null && (
          <span class="faint small workers">
            {service.workers} {service.workers === 1 ? 'worker' : 'workers'}
          </span>
        )}
      </td>
      <td class="num dim col-changed">
        <Ago ms={service.changed_ms} without={NOTHING} />
      </td>
    </tr>
  );
}

function KpiCell({ kpi, name, alarm }: { kpi: Kpi | undefined; name: string; alarm: boolean }) {
  if (kpi === undefined) return <td class="col-kpi" />;
  const { number, unit } = speak(kpi.now, kpi.unit);
  return (
    <td class="col-kpi">
      <div class="kpi">
        <span class="kpi-name small faint" aria-hidden="true">
          {name}
        </span>
        <Sparkline values={kpi.values ?? []} alarm={alarm} />
        <span class={alarm ? 'kpi-number num alarm' : 'kpi-number num'}>{number}</span>
        <span class="kpi-unit faint">{unit}</span>
      </div>
    </td>
  );
}

/** Whether a firing alert is about this KPI. */
function isAlarm(service: Service, kpi: KpiName): boolean {
  return service.alerts.some((alert) => alert.state === 'firing' && alert.kpi === kpi);
}
