import type { Labels } from '../api/query';
import { entriesOf } from '../format/labels';

/** Labels as `name value` pairs; `without` leaves out what the page already says. */
export function LabelChips({ labels, without = [] }: { labels: Labels; without?: string[] }) {
  const entries = entriesOf(labels).filter(([name]) => !without.includes(name));
  if (entries.length === 0) return <span class="faint">no labels</span>;
  return (
    <ul class="chips">
      {entries.map(([name, value]) => (
        <li key={name} class="chip">
          <span class="chip-name">{name}</span>
          <span class="chip-value">{value}</span>
        </li>
      ))}
    </ul>
  );
}
