import type { ComponentChildren } from 'preact';
import type { Assertion } from '../api/assertions';
import { timeMs } from '../api/times';
import { CATEGORY_WORDS } from '../diagnosis/category';
import { entityHref, kindWord, scopeWords } from '../diagnosis/entity';
import { type Lane, placeIn, type Span, ticksOf } from '../diagnosis/lanes';
import { lasting } from '../format/duration';
import { clock, timeTicks } from '../format/time';
import { CategoryMark } from './CategoryMark';
import '../style/lanes.css';

const TRACK_PX = 26;
const TICKS = 6;
// Wide enough for some words beside the letter, of the whole width.
const WORDY = 0.12;

/** A moment that is marked in a lane, or in all of them. */
export type LaneMark = { atMs: number; title: string; strong?: boolean };

// A letter with its rim, and what the names beside the lanes and the frame take of the window.
const LETTER_PX = 24;
const NAMES_PX = 480;
const NARROW_PX = 640;

/** How much of a lane's width a letter takes on this screen. */
export function letterShare(): number {
  const { clientWidth } = document.documentElement;
  const lane = clientWidth <= NARROW_PX ? clientWidth - 24 : clientWidth - NAMES_PX;
  return LETTER_PX / Math.max(240, lane);
}

const percent = (part: number) => `${(part * 100).toFixed(3)}%`;

/** The time below or above lanes, in line with them. */
export function LaneAxis({ span }: { span: Span }) {
  const { at, step } = ticksOf(span, TICKS);
  const texts = timeTicks(at, step);
  return (
    <div class="lane" aria-hidden="true">
      <span class="lane-name" />
      <div class="lane-axis">
        {at.map((ms, i) => {
          const place = placeIn(ms, span);
          return place < 0.03 || place > 0.97 ? null : (
            <span key={ms} style={{ left: percent(place) }}>
              {texts[i]}
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** The hairlines behind a lane, and what is marked in it. */
export function LaneTrack({
  span,
  marks = [],
  height,
  children,
}: {
  span: Span;
  marks?: LaneMark[];
  height: number;
  children?: ComponentChildren;
}) {
  return (
    <div class="lane-track" style={{ height: `${height}px` }}>
      {ticksOf(span, TICKS).at.map((ms) => (
        <span key={ms} class="lane-tick" style={{ left: percent(placeIn(ms, span)) }} />
      ))}
      {marks.map(({ atMs, title, strong }) => (
        <span
          key={`${atMs} ${title}`}
          class={strong === true ? 'mark-line critical' : 'mark-line'}
          title={`${clock(atMs)} ${title}`}
          style={{ left: percent(placeIn(atMs, span)) }}
        />
      ))}
      {children}
    </div>
  );
}

/** One entity's assertions over time: letters in their hues, as long as they lasted. */
export function EntityLane({
  lane,
  span,
  marks,
  chosen,
  onChoose,
}: {
  lane: Lane;
  span: Span;
  marks?: LaneMark[];
  /** The id of the assertion that is open below. */
  chosen: string;
  onChoose: (assertion: Assertion) => void;
}) {
  const { entity, stretches, tracks } = lane;
  const scope = scopeWords(entity);
  return (
    <div class="lane" role="listitem">
      <div class="lane-name">
        <a data-row class="cut" href={entityHref(entity)} title={entity.name}>
          {entity.name}
        </a>
        <span class="faint small cut">
          {kindWord(entity.type)}
          {scope !== '' && ` of ${scope}`}
        </span>
      </div>
      <LaneTrack span={span} {...(marks && { marks })} height={tracks * TRACK_PX + 6}>
        {stretches.map(({ assertion, left, width, track }) => (
          <button
            key={assertion.id}
            type="button"
            class={`stretch cat-hue-${assertion.category} ${assertion.severity}`}
            style={{
              left: percent(left),
              width: percent(width),
              top: `${track * TRACK_PX + 4}px`,
            }}
            aria-pressed={assertion.id === chosen}
            title={says(assertion, span)}
            aria-label={says(assertion, span)}
            onClick={() => onChoose(assertion)}
          >
            <CategoryMark category={assertion.category} />
            {width > WORDY && <span class="stretch-words cut">{assertion.sentence}</span>}
          </button>
        ))}
      </LaneTrack>
    </div>
  );
}

/** `Error, critical: Errors 28 %, usually 0.1 %. From 14:05:10, for 12 min`. */
function says({ category, severity, sentence, name, since, end }: Assertion, span: Span): string {
  const from = timeMs(since) ?? span.startMs;
  const to = timeMs(end);
  const word = CATEGORY_WORDS[category] ?? category;
  const length = lasting((to ?? span.endMs) - from);
  const lasted = to === null ? `for ${length}, and lasts` : `for ${length}`;
  return `${word}, ${severity}: ${sentence === '' ? name : sentence}. From ${clock(from)}, ${lasted}`;
}
