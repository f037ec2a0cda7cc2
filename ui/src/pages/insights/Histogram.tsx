import { useMemo } from 'preact/hooks';
import type { Assertion } from '../../api/assertions';
import { CATEGORIES } from '../../diagnosis/category';
import { countsOver } from '../../diagnosis/insights';
import type { Span } from '../../diagnosis/lanes';

const BUCKETS = 72;
const HEIGHT = 40;

/** How much was asserted over time, by category. The lanes below say it in words. */
export function Histogram({ assertions, span }: { assertions: Assertion[]; span: Span }) {
  const counts = useMemo(() => countsOver(assertions, span, BUCKETS), [assertions, span]);
  const most = Math.max(
    1,
    ...counts.map((bucket) => CATEGORIES.reduce((sum, one) => sum + bucket[one], 0)),
  );
  return (
    <div class="lane histogram" aria-hidden="true">
      <span class="lane-name faint small">how many at once, up to {most}</span>
      <svg viewBox={`0 0 ${BUCKETS} ${HEIGHT}`} preserveAspectRatio="none" height={HEIGHT}>
        {counts.map((bucket, i) => {
          let top = HEIGHT;
          return CATEGORIES.map((category) => {
            const height = (bucket[category] / most) * HEIGHT;
            top -= height;
            return height === 0 ? null : (
              <rect
                key={category}
                class={`cat-hue-${category}`}
                x={i + 0.08}
                y={top}
                width={0.84}
                height={height}
              />
            );
          });
        })}
      </svg>
    </div>
  );
}
