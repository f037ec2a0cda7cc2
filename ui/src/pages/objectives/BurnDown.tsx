import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { ObjectiveDetail } from '../../api/objectives';
import { untilText } from '../../format/time';
import { speakText } from '../../format/units';
import { Icon } from '../../parts/Icon';
import { type Cursor, TimeChart } from '../../parts/TimeChart';
import { now } from '../../state/clock';

const HEIGHT = 220;
/** Rows of the table twin. */
const ROWS = 25;

const ZERO = [{ value: 0, severity: 'critical', name: 'spent' }];

/** How the budget went over the window, from whole to what is left. */
export function BurnDown({ objective }: { objective: ObjectiveDetail }) {
  const { burn_down: line, standing, window_words } = objective;
  const cursor = useSignal<Cursor>({ at: null, nearest: null, byKeys: false });
  const asTable = useSignal(false);
  const times = useMemo(() => line.map(([ms]) => ms / 1000), [line]);
  const series = useMemo(
    () => [{ name: 'left', colour: '--series-0', values: line.map(([, left]) => left) }],
    [line],
  );
  const at = cursor.value.at ?? line.length - 1;
  const point = line[at];
  return (
    <section class="panel broad" data-panel tabIndex={0} aria-labelledby="burn-down">
      <header class="panel-head">
        <h3 id="burn-down">Error budget over {window_words}</h3>
        <div class="panel-tools">
          <button
            type="button"
            class="icon-button"
            title="As a table (v)"
            aria-label="As a table (v)"
            aria-pressed={asTable.value}
            data-table-twin=""
            onClick={() => {
              asTable.value = !asTable.value;
            }}
          >
            <Icon name="table" />
          </button>
        </div>
      </header>
      {line.length === 0 ? (
        <div class="panel-empty">
          <p>Nothing was measured yet</p>
          <p class="small faint">The first minute is recorded a minute after it was made.</p>
        </div>
      ) : asTable.value ? (
        <LeftTable line={line} />
      ) : (
        <>
          <TimeChart
            times={times}
            series={series}
            unit="percentunit"
            stack={false}
            fromZero
            thresholds={ZERO}
            spans={[]}
            marks={[]}
            bounds={{ start: standing.start_ms / 1000, end: standing.end_ms / 1000 }}
            height={HEIGHT}
            onCursor={(next) => {
              cursor.value = next;
            }}
            // The window is what it is: there is nothing to zoom into.
            onZoom={() => {}}
            onReset={() => {}}
          />
          {point !== undefined && (
            <p class="small dim num" aria-live={cursor.value.byKeys ? 'polite' : 'off'}>
              {untilText(point[0], now.peek())}: {speakText(point[1], 'percentunit')} left
            </p>
          )}
        </>
      )}
    </section>
  );
}

/** The chart's table twin, at so many even steps. */
function LeftTable({ line }: { line: ObjectiveDetail['burn_down'] }) {
  const step = Math.max(1, Math.ceil(line.length / ROWS));
  return (
    <div class="burn-down-table">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" class="num">
              Left
            </th>
          </tr>
        </thead>
        <tbody>
          {line
            .filter((_, i) => i % step === 0 || i === line.length - 1)
            .map(([ms, left]) => (
              <tr key={ms}>
                <td>{untilText(ms, now.peek())}</td>
                <td class="num">{speakText(left, 'percentunit')}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
