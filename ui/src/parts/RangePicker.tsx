import { useEffect, useRef } from 'preact/hooks';
import { bounds, refreshNow, serverNow } from '../state/clock';
import { rangeText, shifted } from '../state/range';
import { REFRESH_OFFERED, refreshSeconds } from '../state/settings';
import { range, setRange } from '../state/url';
import { CopyButton } from './CopyButton';
import { Icon } from './Icon';
import { lazily } from './lazily';
import { pickerOpen } from './pickerOpen';

/** What the button opens; a chunk of its own, since most readers leave the range as it is. */
export const RangeMenu = lazily<object>(async () => (await import('./RangeMenu')).RangeMenu, null);

export function stepRange(direction: -1 | 1): void {
  setRange(shifted(range.peek(), direction, serverNow()));
}

/** This page with its range in absolute times: what a colleague opens later shows the same. */
function shareLink(): string {
  const { startMs, endMs } = bounds();
  const url = new URL(window.location.href);
  url.searchParams.delete('range');
  url.searchParams.set('from', String(Math.round(startMs)));
  url.searchParams.set('to', String(Math.round(endMs)));
  return url.href;
}

/** Time range, steps back and forward, how often to ask, and the link to share. */
export function RangePicker() {
  const box = useRef<HTMLDivElement>(null);
  const open = pickerOpen.value;
  // The listeners live while it is open.
  useEffect(() => {
    if (!open) return undefined;
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !within(event)) {
        pickerOpen.value = false;
        if (event instanceof KeyboardEvent) box.current?.querySelector('button')?.focus();
      }
    };
    const within = (event: Event) =>
      event.target instanceof Node && box.current?.contains(event.target) === true;
    document.addEventListener('pointerdown', close);
    document.addEventListener('keydown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('keydown', close);
    };
  }, [open]);

  const live = range.value.kind === 'relative';
  return (
    <div class="range" ref={box}>
      <div class="button-group">
        <button
          type="button"
          class="button range-button"
          aria-expanded={open}
          aria-haspopup="dialog"
          title="Time range (t)"
          onClick={() => {
            pickerOpen.value = !open;
          }}
        >
          <Icon name="clock" />
          <span>{rangeText(range.value, serverNow())}</span>
          <Icon name="down" />
        </button>
        <StepButton direction={-1} />
        <StepButton direction={1} />
      </div>
      {live ? (
        <RefreshSelect />
      ) : (
        <button
          type="button"
          class="button"
          onClick={() => setRange({ kind: 'relative', seconds: 900 })}
        >
          Back to live
        </button>
      )}
      <CopyButton text={shareLink} label="Copy a link to exactly this view" />
      {open && <RangeMenu />}
    </div>
  );
}

function StepButton({ direction }: { direction: -1 | 1 }) {
  const label = direction === -1 ? 'Half a range back ([)' : 'Half a range forward (])';
  return (
    <button
      type="button"
      class="button square"
      title={label}
      aria-label={label}
      disabled={direction === 1 && range.value.kind === 'relative'}
      onClick={() => stepRange(direction)}
    >
      <Icon name={direction === -1 ? 'back' : 'forward'} />
    </button>
  );
}

function RefreshSelect() {
  return (
    <div class="button-group refresh">
      <button
        type="button"
        class="button square"
        title="Refresh now"
        aria-label="Refresh now"
        onClick={refreshNow}
      >
        <Icon name="again" />
      </button>
      <select
        class="button"
        aria-label="Refresh every"
        title="How often this page asks again"
        value={refreshSeconds.value}
        onChange={(event) => {
          refreshSeconds.value = Number(event.currentTarget.value);
        }}
      >
        {REFRESH_OFFERED.map((seconds) => (
          <option key={seconds} value={seconds}>
            {seconds === 0 ? 'Off' : seconds < 60 ? `${seconds} s` : `${seconds / 60} min`}
          </option>
        ))}
      </select>
    </div>
  );
}
