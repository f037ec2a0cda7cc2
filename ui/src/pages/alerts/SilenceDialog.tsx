import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { saveSilence } from '../../api/alertmanager';
import { ApiError } from '../../api/client';
import type { Labels } from '../../api/query';
import { span } from '../../format/duration';
import { entriesOf, sentence } from '../../format/labels';
import { matchAll, matchersText, readMatchers } from '../../format/matchers';
import { plural } from '../../format/number';
import { stamp, untilText } from '../../format/time';
import { Icon } from '../../parts/Icon';
import { StateBadge, severityState } from '../../parts/StateBadge';
import { now } from '../../state/clock';
import { author } from '../../state/settings';
import { labelsOf, type Raised, sentenceOf } from './alertList';
import { draftOf, endOf, matchersFor, nextMorning, type SilenceForm } from './silenceDraft';

/** What the dialog begins with. */
export type SilenceWish = {
  form: SilenceForm;
  /** Labels that can be added or left out with one press. */
  labels: Labels;
};

const EMPTY: SilenceForm = { id: null, matchers: '', until: '4h', author: '', comment: '' };

export const emptyWish = (): SilenceWish => ({
  form: { ...EMPTY, author: author.peek() },
  labels: {},
});

/** Just this alert, for four hours. */
export function wishFor(labels: Labels, name: string): SilenceWish {
  const all = { ...labels, alertname: name };
  return {
    form: { ...EMPTY, author: author.peek(), matchers: matchersText(matchersFor(all)) },
    labels: all,
  };
}

/** Makes or changes a silence. It shows what it would match before it is made. */
export function SilenceDialog({
  wish,
  raised,
  onDone,
}: {
  wish: SilenceWish;
  raised: Raised[];
  onDone: (saved: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useSignal(wish.form);
  const failed = useSignal('');
  const saving = useSignal(false);
  useEffect(() => {
    dialog.current?.showModal();
    // The second press of two: Enter makes the silence as it stands.
    dialog.current?.querySelector<HTMLElement>('[data-save]')?.focus();
  }, []);
  const edit = (changes: Partial<SilenceForm>) => {
    form.value = { ...form.value, ...changes };
    failed.value = '';
  };
  const nowMs = now.value;
  const draft = draftOf(form.value, nowMs);
  const wrong = 'wrong' in draft ? draft.wrong : '';
  const save = async () => {
    const made = draftOf(form.peek(), Date.now());
    if ('wrong' in made || saving.peek()) return;
    saving.value = true;
    author.value = form.peek().author.trim();
    try {
      await saveSilence(made);
      onDone(true);
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
      saving.value = false;
    }
  };
  const endMs = endOf(form.value.until, nowMs);
  const { id, matchers, until } = form.value;
  return (
    <dialog
      ref={dialog}
      class="popover silence-dialog"
      aria-label={id === null ? 'Silence' : 'Change the silence'}
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
          <h2>{id === null ? 'Silence' : 'Change the silence'}</h2>
          <button
            type="button"
            class="icon-button"
            aria-label="Close"
            onClick={() => dialog.current?.close()}
          >
            <Icon name="close" />
          </button>
        </div>
        <label class="form-line">
          <span>Alerts with</span>
          <textarea
            class="field mono"
            rows={2}
            spellcheck={false}
            value={matchers}
            placeholder='alertname="…", job=~"a|b"'
            onInput={(event) => edit({ matchers: event.currentTarget.value })}
          />
        </label>
        <LabelToggles
          labels={wish.labels}
          text={matchers}
          onChange={(next) => edit({ matchers: next })}
        />
        <Preview text={matchers} raised={raised} />
        <div class="form-line">
          <span id="silence-until">For, or until</span>
          <div class="button-row wraps">
            <input
              class="field until-field"
              aria-labelledby="silence-until"
              value={until}
              onInput={(event) => edit({ until: event.currentTarget.value })}
            />
            <Durations until={until} onPick={(next) => edit({ until: next })} />
          </div>
          <p class="small dim">
            {endMs !== null && endMs > nowMs
              ? `Until ${untilText(endMs, nowMs)}, in ${span(endMs - nowMs)}`
              : 'A duration such as 4h or 2d, or a time such as 09:00'}
          </p>
        </div>
        <div class="form-pair">
          <label class="form-line">
            <span>Why</span>
            <input
              class="field"
              placeholder="Deploy, known fault, ticket"
              value={form.value.comment}
              onInput={(event) => edit({ comment: event.currentTarget.value })}
            />
          </label>
          <label class="form-line">
            <span>Who</span>
            <input
              class="field"
              placeholder="Your name"
              autocomplete="name"
              value={form.value.author}
              onInput={(event) => edit({ author: event.currentTarget.value })}
            />
          </label>
        </div>
        <div class="form-foot">
          <p class="wrong" role="alert">
            {failed.value !== '' ? failed.value : wrong}
          </p>
          <button
            type="submit"
            class="button primary"
            data-save
            disabled={wrong !== '' || saving.value}
          >
            {id === null ? 'Silence' : 'Save'}
            {endMs !== null && endMs > nowMs && ` until ${untilText(endMs, nowMs)}`}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function Durations({ until, onPick }: { until: string; onPick: (until: string) => void }) {
  const morning = stamp(nextMorning(now.value)).slice(0, 16);
  const offers = [
    ['1 h', '1h'],
    ['4 h', '4h'],
    ['Until 09:00', morning],
    ['1 day', '1d'],
    ['1 week', '7d'],
  ] as const;
  return (
    <span class="button-group">
      {offers.map(([name, value]) => (
        <button
          key={name}
          type="button"
          class="button"
          aria-pressed={until === value}
          onClick={() => onPick(value)}
        >
          {name}
        </button>
      ))}
    </span>
  );
}

/** The alert's labels: pressed, they are among the matchers. */
function LabelToggles({
  labels,
  text,
  onChange,
}: {
  labels: Labels;
  text: string;
  onChange: (text: string) => void;
}) {
  const entries = entriesOf(labels);
  const { matchers, rest } = readMatchers(text);
  // What cannot be read is left as it was typed.
  if (entries.length === 0 || rest !== '') return null;
  return (
    <ul class="chips" aria-label="Labels of this alert">
      {entries.map(([name, value]) => {
        const used = matchers.some((matcher) => matcher.name === name);
        return (
          <li key={name}>
            <button
              type="button"
              class="chip chip-toggle"
              aria-pressed={used}
              title={used ? 'Leave it out' : 'Match it, too'}
              onClick={() =>
                onChange(
                  matchersText(
                    used
                      ? matchers.filter((matcher) => matcher.name !== name)
                      : [...matchers, { name, op: '=', value }],
                  ),
                )
              }
            >
              <span class="chip-name">{name}</span>
              <span class="chip-value">{value}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

const PREVIEW_MAX = 6;

/** The alerts of now that these matchers fit. */
function Preview({ text, raised }: { text: string; raised: Raised[] }) {
  const { matchers, rest } = readMatchers(text);
  const found =
    rest === '' && matchers.length > 0
      ? raised.filter((one) => matchAll(matchers, labelsOf(one)))
      : [];
  return (
    <section class="preview" aria-label="What it matches now" aria-live="polite">
      <p class="small dim">
        {found.length === 0
          ? 'Matches no alert of now; it will keep quiet those that come.'
          : `Matches ${plural(found.length, 'alert')} of ${raised.length}:`}
      </p>
      <ul>
        {found.slice(0, PREVIEW_MAX).map((one) => (
          <li key={one.id}>
            <StateBadge
              state={severityState(one.alert.labels.severity)}
              hollow={one.doing !== 'firing'}
              quiet
            />
            <span class="cut">
              {one.rule.name} <span class="dim">{sentenceOf(one.alert)}</span>
            </span>
          </li>
        ))}
      </ul>
      {found.length > PREVIEW_MAX && <p class="small dim">and {found.length - PREVIEW_MAX} more</p>}
    </section>
  );
}
