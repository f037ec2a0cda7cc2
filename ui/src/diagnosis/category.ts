import type { Category } from '../api/graph';
import type { Severity } from '../api/services';
import type { ShapeState } from '../parts/StateBadge';

/** The five sorts of trouble, in the order of their name: SAAFE, with N for the second A. */
export const CATEGORIES: Category[] = ['saturation', 'amend', 'anomaly', 'failure', 'error'];

export const LETTERS: Record<Category, string> = {
  saturation: 'S',
  amend: 'A',
  anomaly: 'N',
  failure: 'F',
  error: 'E',
};

export const CATEGORY_WORDS: Record<Category, string> = {
  saturation: 'Saturation',
  amend: 'Change',
  anomaly: 'Anomaly',
  failure: 'Failure',
  error: 'Error',
};

export const CATEGORY_MEANS: Record<Category, string> = {
  saturation: 'A resource nears its limit',
  amend: 'Something was changed',
  anomaly: 'A number is not as it usually is',
  failure: 'It is down, or says that it does not work',
  error: 'Its users get errors, or wait too long',
};

// How much each says of where the trouble is, as correlating engines weigh them: a failure most,
// a change least.
const CATEGORY_WEIGHT: Record<Category, number> = {
  failure: 5,
  error: 4,
  saturation: 3,
  anomaly: 2,
  amend: 1,
};
const SEVERITY_WEIGHT: Record<Severity, number> = { critical: 1, warning: 0.5, info: 0.2 };

/** How much one assertion counts; words that are unknown count a little. */
export function weightOf({ category, severity }: { category: Category; severity: Severity }) {
  return (CATEGORY_WEIGHT[category] ?? 1) * (SEVERITY_WEIGHT[severity] ?? 0.2);
}

export const SEVERITIES: Severity[] = ['critical', 'warning', 'info'];

/** A severity as one of the shapes. */
export const shapeOf = (severity: Severity): ShapeState =>
  severity === 'info' ? 'unknown' : severity;
