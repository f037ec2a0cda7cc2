import { type Answer, get } from './client';
import type { Category, EntityRef } from './graph';
import type { Severity, Unit } from './services';
import type { Time } from './times';

export type Assertion = {
  id: string;
  entity: EntityRef;
  /** `error_ratio_breach`, or the name of the alert that it comes from. */
  name: string;
  category: Category;
  severity: Severity;
  /** When it was judged to be so. */
  since: Time;
  /** When the raw numbers turned; never after `since`. */
  onset?: Time | null;
  /** Absent while it lasts. */
  end?: Time | null;
  kpi?: string | null;
  unit?: Unit | null;
  value?: number | null;
  usual?: number | null;
  limit?: number | null;
  sentence: string;
  /** What was judged, to be drawn. */
  query?: string | null;
};

/** `GET /api/v1/assertions` that lasted at some time of the range. Times in Unix seconds. */
export function fetchAssertions(
  range: { start: number; end: number; entity?: string },
  abort?: AbortSignal,
): Promise<Answer<{ assertions: Assertion[] }>> {
  return get('/api/v1/assertions', range, abort);
}
