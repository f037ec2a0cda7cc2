import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
  deleteOverride,
  makeOverride,
  type OverrideWish,
  type SavedOverride,
} from '../../api/overrides';
import type { Parameter } from '../../api/packs';
import { sentence } from '../../format/labels';
import { readMatchers } from '../../format/matchers';
import { speakText } from '../../format/units';
import { Icon } from '../../parts/Icon';
import { author } from '../../state/settings';

/** What is tuned: a number of the pack, or whether an alert is judged. */
export type Subject = { parameter: Parameter } | { alert: string; isOff: boolean };

/** Sets a parameter or switches an alert off or on, for everything or for some series. */
export function TuneDialog({
  pack,
  subject,
  where: given,
  onDone,
}: {
  pack: string;
  subject: Subject;
  /** Matchers, such as `job="shop"`. */
  where: string;
  onDone: (changed: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const value = useSignal('parameter' in subject ? String(subject.parameter.value) : '');
  const where = useSignal(given);
  const reason = useSignal('');
  const failed = useSignal('');
  const title =
    'parameter' in subject
      ? subject.parameter.title
      : `${subject.isOff ? 'Switch on again' : 'Switch off'}: ${subject.alert}`;
  const save = async () => {
    const scope = scopeOf(where.value);
    if (scope === null) {
      failed.value = 'Write labels as job="shop", route=~"/a|/b".';
      return;
    }
    const wish: OverrideWish = {
      pack,
      ...('parameter' in subject
        ? { set: { [subject.parameter.name]: Number(value.value) } }
        : { alert: subject.alert, off: !subject.isOff }),
      ...(Object.keys(scope).length > 0 && { where: scope }),
      ...(reason.value.trim() !== '' && { reason: reason.value.trim() }),
    };
    try {
      await makeOverride(wish, author.peek());
      onDone(true);
    } catch (error) {
      failed.value = sentence(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <dialog
      ref={dialog}
      class="popover tune-dialog"
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
        {'parameter' in subject && (
          <label class="tune-line">
            <span>
              {subject.parameter.name}, from {subject.parameter.min} to {subject.parameter.max} (
              {speakText(Number(value.value), subject.parameter.unit)})
            </span>
            <input
              class="field"
              type="number"
              step="any"
              required
              min={subject.parameter.min}
              max={subject.parameter.max}
              value={value.value}
              onInput={(event) => {
                value.value = event.currentTarget.value;
              }}
            />
          </label>
        )}
        <label class="tune-line">
          <span>For which series; empty for all</span>
          <input
            class="field mono"
            spellcheck={false}
            placeholder='job="shop", route="/checkout"'
            value={where.value}
            onInput={(event) => {
              where.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="tune-line">
          <span>Why</span>
          <input
            class="field"
            value={reason.value}
            onInput={(event) => {
              reason.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="tune-line">
          <span>Who</span>
          <input
            class="field"
            placeholder="Your name"
            autocomplete="name"
            required
            value={author.value}
            onInput={(event) => {
              author.value = event.currentTarget.value;
            }}
          />
        </label>
        <p class="wrong" role="alert">
          {failed.value}
        </p>
        <button type="submit" class="button primary" disabled={author.value.trim() === ''}>
          Save
        </button>
      </form>
    </dialog>
  );
}

/** What was changed about a pack: by whom, and what stands in the file that decides. */
export function OverrideList({
  overrides,
  file,
  unitOf,
  again,
}: {
  overrides: SavedOverride[];
  file: string | null;
  unitOf: (name: string) => string;
  again: () => void;
}) {
  const failed = useSignal('');
  if (overrides.length === 0) return null;
  const remove = async (id: number) => {
    try {
      await deleteOverride(id, author.peek() === '' ? 'somebody' : author.peek());
      again();
    } catch (error) {
      failed.value = sentence(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <ul class="overrides" aria-label="What was changed">
        {overrides.map((one) => (
          <li key={one.id ?? `line ${one.line}`}>
            {one.alert ?? 'all alerts'}
            {one.where !== '' && (
              <>
                {' '}
                for <code>{one.where}</code>
              </>
            )}
            : {changeText(one, unitOf)}{' '}
            {one.id === null ? (
              <span class="tag" title={file ?? ''}>
                set in {file?.replace(/^.*\//, '') ?? 'the file'}, line {one.line}
              </span>
            ) : (
              <>
                <span class="faint small">
                  {one.by}, {(one.at ?? '').slice(0, 16).replace('T', ' ')}
                  {one.reason !== undefined && `: ${one.reason}`}
                </span>{' '}
                <button type="button" class="button" onClick={() => void remove(one.id ?? 0)}>
                  Undo
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
      <p class="wrong" role="alert">
        {failed.value}
      </p>
    </>
  );
}

/** `error_ratio 10 %, switched off` */
export function changeText(
  { set, off }: Pick<SavedOverride, 'set' | 'off'>,
  unitOf: (name: string) => string,
): string {
  const values = Object.entries(set).map(
    ([name, value]) => `${name} ${speakText(value, unitOf(name))}`,
  );
  if (off !== null) values.push(off ? 'switched off' : 'switched on again');
  return values.join(', ');
}

/** `job="a", route=~"b|c"` as labels with values; null for what an override cannot say. */
export function scopeOf(text: string): Record<string, string | string[]> | null {
  if (text.trim() === '') return {};
  const { matchers, rest } = readMatchers(text);
  if (rest !== '') return null;
  const scope: Record<string, string | string[]> = {};
  for (const { name, op, value } of matchers) {
    const several = value.split('|');
    if (op === '=') scope[name] = value;
    else if (op === '=~' && several.every((one) => /^[\w\-/: ]+$/.test(one))) scope[name] = several;
    else return null;
  }
  return scope;
}
