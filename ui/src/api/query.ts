import { type Answer, get, limiter } from './client';

export type Labels = Record<string, string>;
/** Unix seconds and the number as text, for JSON has no NaN and no infinity. */
export type SamplePair = [number, string];

export type Matrix = { resultType: 'matrix'; result: { metric: Labels; values?: SamplePair[] }[] };
export type Vector = { resultType: 'vector'; result: { metric: Labels; value?: SamplePair }[] };
export type Scalar = { resultType: 'scalar'; result: SamplePair };

// Browsers open six connections to one HTTP/1.1 server; two stay free for the page's own requests.
const inLine = limiter(4);

/** `GET /api/v1/query_range`. Times and step in Unix seconds. */
export function fetchRange(
  query: string,
  range: { start: number; end: number; step: number },
  abort?: AbortSignal,
): Promise<Answer<Matrix>> {
  return inLine(() => get('/api/v1/query_range', { query, ...range }, abort), abort);
}

/** `GET /api/v1/query` at one time. */
export function fetchInstant(
  query: string,
  time: number,
  abort?: AbortSignal,
): Promise<Answer<Vector | Scalar>> {
  return inLine(() => get('/api/v1/query', { query, time }, abort), abort);
}
