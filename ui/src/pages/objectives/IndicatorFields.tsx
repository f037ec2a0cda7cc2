import type { Signal } from '@preact/signals';
import { fetchBounds } from '../../api/objectives';
import { speakText } from '../../format/units';
import { useQuery } from '../../state/useQuery';
import type { Edit } from './ObjectiveDialog';
import { entityOf, type ObjectiveForm } from './objectiveDraft';

type Props = { form: Signal<ObjectiveForm>; edit: Edit };

/** What is measured: what the library knows of the service, or queries of one's own. */
export function IndicatorFields({ form, edit }: Props) {
  const { kind } = form.value;
  return (
    <>
      <label class="form-line">
        <span>Good is</span>
        <select
          class="field"
          value={kind}
          onChange={(event) =>
            edit({ kind: event.currentTarget.value as ObjectiveForm['kind'], query: '', total: '' })
          }
        >
          <option value="availability">an answer without a server error</option>
          <option value="latency">an answer within a time</option>
          <option value="events">an event of queries of my own</option>
          <option value="threshold">a minute with a value on the right side of a limit</option>
        </select>
      </label>
      {(kind === 'availability' || kind === 'latency') && <Measured form={form} edit={edit} />}
      {kind === 'events' && <Events form={form} edit={edit} />}
      {kind === 'threshold' && <Threshold form={form} edit={edit} />}
    </>
  );
}

/** Limits are the bounds of buckets: in between nothing was counted. */
function Measured({ form, edit }: Props) {
  const { kind, limit, service } = form.value;
  const entity = entityOf(form.value, null);
  const complete = service.trim() !== '' && entity.name !== '';
  const key = JSON.stringify(entity);
  const { remote } = useQuery(key, '', (abort) => fetchBounds(entity, abort), {
    enabled: complete,
    live: false,
  });
  const found = complete ? remote.value.value : undefined;
  const nothing =
    found !== undefined && (kind === 'latency' ? found.bounds.length === 0 : !found.availability);
  const bounds = found?.bounds ?? [];
  const known = limit === '' || bounds.includes(Number(limit));
  return (
    <>
      {kind === 'latency' && (
        <label class="form-line">
          <span>Within</span>
          <select
            class="field"
            value={limit}
            onChange={(event) => edit({ limit: event.currentTarget.value })}
          >
            <option value="">Choose a limit</option>
            {!known && <option value={limit}>{speakText(Number(limit), 's')}</option>}
            {bounds.map((bound) => (
              <option key={bound} value={String(bound)}>
                {speakText(bound, 's')}
              </option>
            ))}
          </select>
        </label>
      )}
      {nothing && (
        <p class="small dim">
          The library measures no {kind === 'latency' ? 'latency' : 'failures'} of this{' '}
          {entity.type}; give queries of your own.
        </p>
      )}
    </>
  );
}

function Events({ form, edit }: Props) {
  const { part, query, total, counter } = form.value;
  return (
    <>
      <label class="form-line">
        <span>
          <select
            class="field"
            aria-label="Which events the first query counts"
            value={part}
            onChange={(event) =>
              edit({ part: event.currentTarget.value === 'good' ? 'good' : 'bad' })
            }
          >
            <option value="bad">Bad events</option>
            <option value="good">Good events</option>
          </select>
        </span>
        <textarea
          class="field mono"
          rows={2}
          spellcheck={false}
          placeholder={'http_requests_total{job="web",code=~"5.."}'}
          value={query}
          onInput={(event) => edit({ query: event.currentTarget.value })}
        />
      </label>
      <label class="form-line">
        <span>All events</span>
        <textarea
          class="field mono"
          rows={2}
          spellcheck={false}
          placeholder={'http_requests_total{job="web"}'}
          value={total}
          onInput={(event) => edit({ total: event.currentTarget.value })}
        />
      </label>
      <label class="form-check small">
        <input
          type="checkbox"
          checked={counter}
          onChange={(event) => edit({ counter: event.currentTarget.checked })}
        />
        <span>
          They are counters. In queries with <code>rate</code> or <code>increase</code>, write{' '}
          <code>$w</code> for the window.
        </span>
      </label>
    </>
  );
}

function Threshold({ form, edit }: Props) {
  const { query, op, value } = form.value;
  return (
    <>
      <label class="form-line">
        <span>Value</span>
        <textarea
          class="field mono"
          rows={2}
          spellcheck={false}
          placeholder={'max(queue_age_seconds{job="web"})'}
          value={query}
          onInput={(event) => edit({ query: event.currentTarget.value })}
        />
      </label>
      <div class="form-pair">
        <label class="form-line">
          <span>Good is</span>
          <select
            class="field"
            value={op}
            onChange={(event) => edit({ op: event.currentTarget.value })}
          >
            <option value="<">below</option>
            <option value="<=">at most</option>
            <option value=">">above</option>
            <option value=">=">at least</option>
          </select>
        </label>
        <label class="form-line">
          <span>Limit</span>
          <input
            class="field num"
            inputMode="decimal"
            value={value}
            onInput={(event) => edit({ value: event.currentTarget.value })}
          />
        </label>
      </div>
    </>
  );
}
