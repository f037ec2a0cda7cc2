import { useEffect, useRef } from 'preact/hooks';
import { durationText, rangeName } from '../format/duration';
import { OFFERED, type Range } from '../state/range';
import { range, setRange } from '../state/url';
import { AbsoluteRange } from './AbsoluteRange';
import { pickerOpen } from './pickerOpen';

/** The ranges that are offered, and from one time to another. */
export function RangeMenu() {
  const chosen = range.value;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const first = box.current?.querySelector<HTMLElement>('[aria-checked="true"]');
    (first ?? box.current?.querySelector<HTMLElement>('button'))?.focus();
  }, []);
  const pick = (next: Range) => {
    setRange(next);
    pickerOpen.value = false;
  };
  return (
    <div ref={box} class="picker popover" role="dialog" aria-label="Time range">
      <div class="picker-presets" role="radiogroup" aria-label="Last">
        {OFFERED.map((seconds) => (
          <button
            key={seconds}
            type="button"
            role="radio"
            class="menu-item"
            aria-checked={chosen.kind === 'relative' && chosen.seconds === seconds}
            onClick={() => pick({ kind: 'relative', seconds })}
          >
            <span>Last {rangeName(seconds)}</span>
            <span class="faint mono">{durationText(seconds)}</span>
          </button>
        ))}
      </div>
      <AbsoluteRange pick={pick} />
    </div>
  );
}
