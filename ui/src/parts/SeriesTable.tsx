import { speakBrief } from '../format/units';
import { type ChartSeries, largest, newest } from './chartData';

/** The legend of a chart: each series' value at the crosshair, else its newest, and its maximum. */
export function SeriesTable({
  series,
  unit,
  at,
  atText,
  nearest,
  isOff,
  isBeyond,
  onPick,
}: {
  series: ChartSeries[];
  unit: string;
  at: number | null;
  /** The crosshair's time in words; `last` without one. */
  atText: string;
  nearest: string | null;
  isOff: (name: string) => boolean;
  /** Whether it lies above what the chart shows. */
  isBeyond: (name: string) => boolean;
  /** `add` when the user holds Ctrl or Cmd. */
  onPick: (name: string, add: boolean) => void;
}) {
  return (
    <div class="legend">
      <table>
        <thead>
          <tr>
            <th scope="col" class="hidden">
              series
            </th>
            <th scope="col" class="num">
              {atText}
            </th>
            <th scope="col" class="num">
              max
            </th>
          </tr>
        </thead>
        <tbody>
          {series.map((one) => (
            <tr key={one.name} class={one.name === nearest ? 'near' : ''}>
              <td>
                <button
                  type="button"
                  class={isOff(one.name) ? 'legend-name off' : 'legend-name'}
                  aria-pressed={!isOff(one.name)}
                  title={`${one.name} — click shows it alone, Ctrl-click adds or removes it`}
                  onClick={(event) => onPick(one.name, event.ctrlKey || event.metaKey)}
                >
                  <span class="swatch" style={{ background: `var(${one.colour})` }} />
                  <span class="cut">{one.name}</span>
                  {isBeyond(one.name) && (
                    <span class="faint" title="Above what the chart shows">
                      <span aria-hidden="true">↑</span>
                      <span class="hidden">above the chart</span>
                    </span>
                  )}
                </button>
              </td>
              <td class="num">
                {speakBrief(at === null ? newest(one.values) : one.values[at], unit)}
              </td>
              <td class="num dim">{speakBrief(largest(one.values), unit)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
