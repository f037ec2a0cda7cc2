import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { type Objective, saveObjective } from '../../api/objectives';
import { fetchServices } from '../../api/services';
import { sentence } from '../../format/labels';
import { Icon } from '../../parts/Icon';
import { useQuery } from '../../state/useQuery';
import { IndicatorFields } from './IndicatorFields';
import { draftOf, EMPTY, formOf, type ObjectiveForm } from './objectiveDraft';

/** Changes some of what stands in the form. */
export type Edit = (changes: Partial<ObjectiveForm>) => void;

/** Makes an objective, or changes one. */
export function ObjectiveDialog({
  objective,
  onDone,
}: {
  objective: Objective | null;
  onDone: (saved: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useSignal<ObjectiveForm>(objective === null ? EMPTY : formOf(objective));
  const failed = useSignal('');
  const saving = useSignal(false);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('[data-first]')?.focus();
  }, []);
  const edit: Edit = (changes) => {
    form.value = { ...form.value, ...changes };
    failed.value = '';
  };
  const draft = draftOf(form.value, objective);
  const wrong = 'wrong' in draft ? draft.wrong : '';
  const save = async () => {
    if ('wrong' in draft || saving.peek()) return;
    saving.value = true;
    try {
      await saveObjective(draft.wish, objective?.id ?? null);
      onDone(true);
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
      saving.value = false;
    }
  };
  const title = objective === null ? 'New objective' : 'Change the objective';
  return (
    <dialog
      ref={dialog}
      class="popover silence-dialog objective-dialog"
      aria-label={title}
      onClose={() => onDone(false)}
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div class="help-head">
          <h2>{title}</h2>
          <button
            type="button"
            class="icon-button"
            aria-label="Close"
            onClick={() => dialog.current?.close()}
          >
            <Icon name="close" />
          </button>
        </div>
        <WhomFields form={form} edit={edit} />
        <IndicatorFields form={form} edit={edit} />
        <TargetFields form={form} edit={edit} />
        <div class="form-foot">
          <p class="wrong" role="alert">
            {failed.value !== '' ? failed.value : wrong}
          </p>
          <button type="submit" class="button primary" disabled={wrong !== '' || saving.value}>
            {objective === null ? 'Make the objective' : 'Save'}
          </button>
        </div>
      </form>
    </dialog>
  );
}

type FieldsProps = { form: Signal<ObjectiveForm>; edit: Edit };

function WhomFields({ form, edit }: FieldsProps) {
  const services = useQuery('services', '', (abort) => fetchServices(undefined, abort), {
    live: false,
  });
  const names = (services.remote.value.value?.services ?? []).map(({ name }) => name);
  const { service, type, name, title } = form.value;
  return (
    <>
      <div class="form-pair">
        <label class="form-line">
          <span>Service</span>
          <input
            class="field"
            data-first
            list="objective-services"
            value={service}
            onInput={(event) => edit({ service: event.currentTarget.value })}
          />
          <datalist id="objective-services">
            {names.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </label>
        <label class="form-line">
          <span>Of it</span>
          <select
            class="field"
            value={type}
            onChange={(event) => edit({ type: event.currentTarget.value })}
          >
            <option value="service">all requests</option>
            <option value="route">one route</option>
            {type !== 'service' && type !== 'route' && <option value={type}>{type}</option>}
          </select>
        </label>
      </div>
      {type !== 'service' && (
        <label class="form-line">
          <span>{type === 'route' ? 'Route' : 'Name'}</span>
          <input
            class="field mono"
            placeholder="/checkout"
            value={name}
            onInput={(event) => edit({ name: event.currentTarget.value })}
          />
        </label>
      )}
      <label class="form-line">
        <span>Title</span>
        <input
          class="field"
          placeholder="As people would say it; may stay empty"
          value={title}
          onInput={(event) => edit({ title: event.currentTarget.value })}
        />
      </label>
    </>
  );
}

const WINDOWS = [
  ['7', '7 days'],
  ['28', '28 days'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['week', 'calendar week'],
  ['month', 'calendar month'],
  ['quarter', 'calendar quarter'],
];

function TargetFields({ form, edit }: FieldsProps) {
  const { target, window, zone } = form.value;
  const calendar = Number.isNaN(Number(window));
  const offered = WINDOWS.some(([value]) => value === window);
  return (
    <>
      <div class="form-pair">
        <label class="form-line">
          <span>Target in %</span>
          <input
            class="field num"
            inputMode="decimal"
            value={target}
            onInput={(event) => edit({ target: event.currentTarget.value })}
          />
        </label>
        <label class="form-line">
          <span>In</span>
          <select
            class="field"
            value={window}
            onChange={(event) => edit({ window: event.currentTarget.value })}
          >
            {!offered && <option value={window}>{window} days</option>}
            {WINDOWS.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {calendar && (
        <label class="form-line">
          <span>Time zone</span>
          <input
            class="field"
            placeholder="Europe/Berlin"
            value={zone}
            onInput={(event) => edit({ zone: event.currentTarget.value })}
          />
        </label>
      )}
      <CountedFields form={form} edit={edit} />
    </>
  );
}

function CountedFields({ form, edit }: FieldsProps) {
  const { by, minuteTarget, kind, floor } = form.value;
  const minutes = by === 'minutes' || kind === 'threshold';
  return (
    <div class="form-pair">
      <label class="form-line">
        <span>Counted</span>
        <select
          class="field"
          disabled={kind === 'threshold'}
          value={minutes ? 'minutes' : 'requests'}
          onChange={(event) =>
            edit({ by: event.currentTarget.value === 'minutes' ? 'minutes' : 'requests' })
          }
        >
          <option value="requests">by requests</option>
          <option value="minutes">by minutes</option>
        </select>
      </label>
      {minutes && kind !== 'threshold' ? (
        <label class="form-line">
          <span>A minute is good from … % good</span>
          <input
            class="field num"
            inputMode="decimal"
            value={minuteTarget}
            onInput={(event) => edit({ minuteTarget: event.currentTarget.value })}
          />
        </label>
      ) : (
        <label class="form-line">
          <span>No alert up to so many bad</span>
          <input
            class="field num"
            inputMode="decimal"
            placeholder={minutes ? '1' : '10'}
            value={floor}
            onInput={(event) => edit({ floor: event.currentTarget.value })}
          />
        </label>
      )}
    </div>
  );
}
