import { sparkPaths } from './sparkPaths';

const WIDTH = 120;
const HEIGHT = 24;

/** 120 × 24 px, from zero, gaps as gaps. The number beside it is what screen readers hear. */
export function Sparkline({ values, alarm }: { values: (number | null)[]; alarm: boolean }) {
  const { line, area, dots } = sparkPaths(values, WIDTH, HEIGHT);
  return (
    <svg
      class={alarm ? 'spark alarm' : 'spark'}
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      <path class="spark-base" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      <path class="spark-area" d={area} />
      <path class="spark-line" d={line} />
      {dots.map(([x, y]) => (
        <circle key={x} class="spark-dot" cx={x} cy={y} r="1.2" />
      ))}
    </svg>
  );
}
