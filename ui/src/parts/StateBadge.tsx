export type ShapeState = 'good' | 'warning' | 'critical' | 'unknown';

const SHAPES: Record<ShapeState, string> = {
  good: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z',
  warning: 'M6 1.2 11.2 10.6H.8z',
  critical: 'M1.6 1.6h8.8v8.8H1.6z',
  unknown: 'M6 .9 11.1 6 6 11.1.9 6z',
};

export const STATE_WORDS: Record<ShapeState, string> = {
  good: 'Good',
  warning: 'Warning',
  critical: 'Critical',
  unknown: 'Unknown',
};

/** ● ▲ ■ ◇: the state by shape, then by colour. Hollow means: not yet, or not known. */
export function StateShape({ state, hollow = false }: { state: ShapeState; hollow?: boolean }) {
  const outlined = hollow || state === 'unknown';
  return (
    <svg class={`shape ${state}`} width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <path
        d={SHAPES[state]}
        fill={outlined ? 'none' : 'currentColor'}
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linejoin="round"
      />
    </svg>
  );
}

/** The shape with its word; `quiet` keeps the word for screen readers only. */
export function StateBadge({
  state,
  word = STATE_WORDS[state],
  hollow = false,
  quiet = false,
}: {
  state: ShapeState;
  word?: string;
  hollow?: boolean;
  quiet?: boolean;
}) {
  return (
    <span class={`badge ${state}`} title={quiet ? word : undefined}>
      <StateShape state={state} hollow={hollow} />
      <span class={quiet ? 'hidden' : ''}>{word}</span>
    </span>
  );
}

/** An alert that always fires, to show that alerting works: it is no news that it does. */
export function isHeartbeat(labels: Record<string, string>): boolean {
  return labels.severity === 'none';
}

/** An alert's severity label as one of the shapes. Other words than ours still get a shape. */
export function severityState(severity: string | undefined): ShapeState {
  switch (severity?.toLowerCase()) {
    case 'critical':
    case 'page':
    case 'error':
      return 'critical';
    case 'warning':
    case 'warn':
    case 'ticket':
      return 'warning';
    default:
      return 'unknown';
  }
}
