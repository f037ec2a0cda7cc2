import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { fetchLabelNames, fetchMetricNames } from '../../api/mappings';
import { useQuery } from '../../state/useQuery';
import { type Draft, isShare, KPIS, otherMetric, TYPES, unitsOf } from './draft';

const ENTITIES = ['service', 'route', 'instance', 'host', 'database', 'cache', 'queue', 'topic'];

/** The fields of a mapping; what makes no sense for the chosen KPI is not asked. */
export function MappingForm({ draft }: { draft: Signal<Draft> }) {
  const value = draft.value;
  const edit = (changes: Partial<Draft>) => {
    draft.value = { ...draft.peek(), ...changes };
  };
  const { text, choice } = fieldsOf(value, edit);
  const same = (names: string[]) =>
    names.map((name): [string, string] => [name, name.replace('_', ' ')]);
  const units = unitsOf(value);
  const other = otherMetric(value);
  const hasResource = value.kpi === 'saturation' || value.kpi === 'resource';
  return (
    <div class="mapping-fields">
      <Names metric={value.metric} />
      <Line name="What it measures">{choice('kpi', Object.entries(KPIS))}</Line>
      {hasResource && (
        <Line name="Resource">{text('resource', 'cpu, memory, pool, cart value')}</Line>
      )}
      <Line name="Metric" wide>
        {text('metric', 'Begin to type its name', 'metric-names')}
      </Line>
      <Line name="It is a">{choice('type', same(TYPES))}</Line>
      {units.length > 0 && <Line name="Unit">{choice('unit', same(units))}</Line>}
      {value.kpi === 'latency_quantile' && (
        <Line name="Quantiles">{text('quantiles', '0.5, 0.95, 0.99')}</Line>
      )}
      {isShare(value.kpi) && (
        <Line name={value.kpi === 'availability' ? 'It went well if' : 'It failed if'}>
          {text('errors', 'status=~"5.."')}
        </Line>
      )}
      {other !== null && (
        <Line name={other} wide>
          {text('other', '', 'metric-names')}
        </Line>
      )}
      <Line name="Whose">{choice('entityType', same(ENTITIES))}</Line>
      <Line name="Named by the first of these labels">
        {text('labels', 'service, job', 'label-names')}
      </Line>
      <Line name="Scope: labels that keep equal names apart">
        {text('scope', 'namespace, service=job', 'label-names')}
      </Line>
      <Line name="Only series with" wide>
        <textarea
          class="field mono"
          rows={2}
          value={value.filters}
          placeholder={'method!="OPTIONS", one condition a line'}
          spellcheck={false}
          onInput={(event) => edit({ filters: event.currentTarget.value })}
        />
      </Line>
      <Line name="What you call it">{text('name', 'It gets a name by itself')}</Line>
    </div>
  );
}

/** A text and a choice of the draft. */
function fieldsOf(value: Draft, edit: (changes: Partial<Draft>) => void) {
  const text = (name: keyof Draft, placeholder: string, list?: string) => (
    <input
      class="field"
      value={value[name]}
      placeholder={placeholder}
      spellcheck={false}
      list={list}
      onInput={(event) => edit({ [name]: event.currentTarget.value })}
    />
  );
  const choice = (name: keyof Draft, options: [string, string][]) => (
    <select
      class="field"
      value={value[name]}
      onChange={(event) => edit({ [name]: event.currentTarget.value })}
    >
      {options.map(([option, words]) => (
        <option key={option} value={option} selected={option === value[name]}>
          {words}
        </option>
      ))}
    </select>
  );
  return { text, choice };
}

function Line({
  name,
  wide,
  children,
}: {
  name: string;
  wide?: boolean;
  children: ComponentChildren;
}) {
  return (
    <label class={wide === true ? 'mapping-line wide' : 'mapping-line'}>
      <span>{name}</span>
      {children}
    </label>
  );
}

/** What the fields complete: metrics that are stored, and the labels of the chosen one. */
function Names({ metric }: { metric: string }) {
  const names = useQuery(metric, '', (abort) => fetchMetricNames(metric, abort), { live: false });
  const labels = useQuery(metric, '', (abort) => fetchLabelNames(metric, abort), {
    enabled: metric !== '',
    live: false,
  });
  // One metric is chosen as often by the name without what its series end in.
  const found = (names.remote.value.value ?? []).flatMap((name) => {
    const base = name.replace(/_bucket$/, '');
    return base === name ? [name] : [base, name];
  });
  return (
    <>
      <datalist id="metric-names">
        {[...new Set(found)].slice(0, 100).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <datalist id="label-names">
        {(labels.remote.value.value ?? [])
          .filter((name) => name !== '__name__')
          .map((name) => (
            <option key={name} value={name} />
          ))}
      </datalist>
    </>
  );
}
