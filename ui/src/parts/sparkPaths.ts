export type SparkPaths = {
  line: string;
  area: string;
  /** Points with a gap on both sides: a line of one point would not be seen. */
  dots: [number, number][];
};

const round = (value: number) => Math.round(value * 10) / 10;

/** The SVG paths of one sparkline: from zero to its own maximum, broken at missing values. */
export function sparkPaths(values: (number | null)[], width: number, height: number): SparkPaths {
  const max = Math.max(0, ...values.filter((value) => Number.isFinite(value)).map(Number));
  const bottom = height - 1;
  const x = (i: number) => round(values.length < 2 ? width : (i / (values.length - 1)) * width);
  const y = (value: number) =>
    round(max === 0 ? bottom : bottom - (Math.max(0, value) / max) * (bottom - 2));

  const paths: SparkPaths = { line: '', area: '', dots: [] };
  let run: string[] = [];
  let runStart = 0;
  const close = (end: number) => {
    if (run.length > 1) {
      paths.line += `M${run.join('L')}`;
      paths.area += `M${x(runStart)} ${bottom}L${run.join('L')}L${x(end - 1)} ${bottom}Z`;
    } else if (run.length === 1) {
      paths.dots.push([x(runStart), y(values[runStart] ?? 0)]);
    }
    run = [];
  };
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) {
      close(i);
      return;
    }
    if (run.length === 0) runStart = i;
    run.push(`${x(i)} ${y(value)}`);
  });
  close(values.length);
  return paths;
}
