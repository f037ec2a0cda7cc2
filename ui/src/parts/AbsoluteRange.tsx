import { useSignal } from '@preact/signals';
import { parseStamp, stamp } from '../format/time';
import { bounds, serverNow } from '../state/clock';
import type { Range } from '../state/range';

/** From one time to another, typed in. */
export function AbsoluteRange({ pick }: { pick: (range: Range) => void }) {
  const { startMs, endMs } = bounds();
  const from = useSignal(stamp(startMs));
  const to = useSignal(stamp(endMs));
  const wrong = useSignal('');
  const apply = (event: Event) => {
    event.preventDefault();
    const fromMs = parseStamp(from.value, serverNow());
    const toMs = parseStamp(to.value, serverNow());
    if (fromMs === null || toMs === null) wrong.value = 'Write 2026-01-31 14:05 or 14:05.';
    else if (toMs - fromMs < 10_000) wrong.value = 'The end must be 10 s or more after the start.';
    else if (toMs - fromMs > 366 * 86_400_000) wrong.value = 'At most one year can be shown.';
    else pick({ kind: 'absolute', fromMs, toMs });
  };
  return (
    <form class="picker-form" onSubmit={apply}>
      <TimeField label="From" value={from} />
      <TimeField label="To" value={to} />
      {wrong.value !== '' && (
        <p class="wrong" role="alert">
          {wrong.value}
        </p>
      )}
      <button type="submit" class="button primary">
        Show
      </button>
    </form>
  );
}

function TimeField({ label, value }: { label: string; value: { value: string } }) {
  return (
    <label>
      <span class="small dim">{label}</span>
      <input
        class="field num"
        type="text"
        inputMode="numeric"
        autocomplete="off"
        spellcheck={false}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}
