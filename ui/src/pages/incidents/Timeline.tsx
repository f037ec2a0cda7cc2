import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Assertion } from '../../api/assertions';
import type { EventKind, IncidentDetail, TimelineEvent } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { lanesOf } from '../../diagnosis/lanes';
import { clock, day } from '../../format/time';
import { ChosenAssertion } from '../../panels/lazyProof';
import { CategoryMark } from '../../parts/CategoryMark';
import { EntityLane, LaneAxis, type LaneMark, LaneTrack, letterShare } from '../../parts/Lanes';
import { Paged } from '../../parts/Paged';
import { StateShape } from '../../parts/StateBadge';
import { shapeOf } from '../../diagnosis/category';
import { EntityLink } from '../../parts/EntityLink';
import { serverNow } from '../../state/clock';
import { param, setParams } from '../../state/url';

const KINDS: EventKind[] = ['assertion', 'change', 'alert', 'notification', 'comment', 'state'];
const KIND_WORDS: Record<EventKind, [one: string, many: string]> = {
  assertion: ['assertion', 'assertions'],
  change: ['change', 'changes'],
  alert: ['alert', 'alerts'],
  notification: ['notification', 'notifications'],
  comment: ['comment', 'comments'],
  state: ['state', 'states'],
};
const AROUND = 0.15;
const AROUND_MIN_MS = 4 * 60_000;

/** What happened when: a lane for each entity over one axis, and every event in words. */
export function Timeline({
  incident,
  assertions,
}: {
  incident: IncidentDetail;
  assertions: Assertion[];
}) {
  const chosen = useSignal<Assertion | null>(null);
  const nowMs = serverNow();
  const startMs = timeMs(incident.start) ?? nowMs;
  const endMs = timeMs(incident.end) ?? nowMs;
  const changes = incident.timeline.filter(({ kind }) => kind === 'change');
  const firstChange = Math.min(startMs, ...changes.map(({ time }) => timeMs(time) ?? startMs));
  const around = Math.max(AROUND_MIN_MS, (endMs - startMs) * AROUND);
  const span = {
    startMs: Math.min(startMs - around, firstChange - 60_000),
    endMs: incident.state === 'open' ? endMs : endMs + around,
  };
  const lanes = useMemo(
    () =>
      lanesOf(assertions, span, letterShare()).sort(
        (a, b) => firstOf(a.stretches) - firstOf(b.stretches),
      ),
    [assertions, span.startMs, span.endMs],
  );
  const began: LaneMark = { atMs: startMs, title: 'it began', strong: true };
  const events: LaneMark[] = incident.timeline
    .filter(({ kind }) => kind !== 'assertion')
    .map(({ time, text }) => ({ atMs: timeMs(time) ?? startMs, title: text }));
  return (
    <section class="incident-part" aria-label="Timeline">
      <h2>Timeline</h2>
      {lanes.length > 0 && (
        <div class="lanes" role="list" aria-label="Assertions over time">
          <LaneAxis span={span} />
          {lanes.map((lane) => (
            <EntityLane
              key={lane.id}
              lane={lane}
              span={span}
              marks={[
                began,
                ...changes
                  .filter(({ entity }) => entity?.name === lane.entity.name)
                  .map(({ time, text }) => ({ atMs: timeMs(time) ?? startMs, title: text })),
              ]}
              chosen={chosen.value?.id ?? ''}
              onChoose={(assertion) => {
                chosen.value = assertion.id === chosen.peek()?.id ? null : assertion;
              }}
            />
          ))}
          <div class="lane" role="listitem">
            <span class="lane-name faint small">everything else</span>
            <LaneTrack span={span} marks={[began, ...events]} height={28} />
          </div>
        </div>
      )}
      {chosen.value !== null && (
        <ChosenAssertion
          assertion={chosen.value}
          onClose={() => {
            chosen.value = null;
          }}
        />
      )}
      <Events timeline={incident.timeline} />
    </section>
  );
}

const firstOf = (stretches: { left: number }[]) => Math.min(...stretches.map(({ left }) => left));

function Events({ timeline }: { timeline: TimelineEvent[] }) {
  const wanted = param('kind');
  const shown = timeline
    .filter(({ kind }) => wanted === '' || kind === wanted)
    .sort((a, b) => (timeMs(a.time) ?? 0) - (timeMs(b.time) ?? 0));
  return (
    <>
      <div class="filters" role="group" aria-label="Show only">
        {KINDS.map((kind) => {
          const count = timeline.filter((event) => event.kind === kind).length;
          if (count === 0 && kind !== wanted) return null;
          return (
            <button
              key={kind}
              type="button"
              class="filter"
              aria-pressed={kind === wanted}
              onClick={() => setParams({ kind: kind === wanted ? null : kind })}
            >
              <span class="num">{count}</span> {KIND_WORDS[kind][count === 1 ? 0 : 1]}
            </button>
          );
        })}
      </div>
      {shown.length === 0 && <p class="none">Nothing of this kind happened.</p>}
      <Paged items={shown}>
        {(page, more) => (
          <>
            <ol class="events">
              {page.map((event, i) => (
                <EventLine
                  key={`${String(event.time)} ${event.text}`}
                  event={event}
                  before={page[i - 1]}
                />
              ))}
            </ol>
            {more}
          </>
        )}
      </Paged>
    </>
  );
}

function EventLine({ event, before }: { event: TimelineEvent; before: TimelineEvent | undefined }) {
  const { kind, entity, category, severity, text } = event;
  const ms = timeMs(event.time) ?? 0;
  const fresh = before === undefined || day(timeMs(before.time) ?? 0) !== day(ms);
  return (
    <li class="event">
      <time class="num dim" dateTime={new Date(ms).toISOString()}>
        {fresh && <span class="event-day">{day(ms)} </span>}
        {clock(ms)}
      </time>
      <span class="event-mark">
        {category != null ? (
          <CategoryMark category={category} />
        ) : severity != null ? (
          <StateShape state={shapeOf(severity)} />
        ) : null}
      </span>
      <span class="event-kind small faint">{KIND_WORDS[kind]?.[0] ?? kind}</span>
      <span class="event-text">
        {entity != null && <EntityLink entity={entity} />} <span class="wrap">{text}</span>
      </span>
    </li>
  );
}
