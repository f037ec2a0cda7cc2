import type { Standing } from '../../api/objectives';
import { leftText } from './words';

/** What is left of the error budget, as a bar and in words. */
export function BudgetBar({ standing }: { standing: Standing }) {
  const left = standing.budget?.left_ratio ?? null;
  const width = Math.max(0, Math.min(1, left ?? 0)) * 100;
  return (
    <span class={`budget ${standing.state}`}>
      <span class="budget-bar" aria-hidden="true">
        <span style={{ width: `${width}%` }} />
      </span>
      <span class="num budget-left">
        {leftText(standing)}
        <span class="hidden"> of the error budget left</span>
      </span>
    </span>
  );
}
