import { signal } from '@preact/signals';

/** What went wrong with a request, in the classes a page can act on. */
export type ApiErrorKind = 'unreachable' | 'rejected' | 'not_found' | 'busy' | 'broken';

/** A request that failed. `message` is a sentence fit to show. */
export class ApiError extends Error {
  constructor(
    readonly kind: ApiErrorKind,
    message: string,
    readonly path: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ApiError';
  }
}

/** Prometheus's envelope: every answer below `/api/v1`. */
export type Envelope<T> =
  | { status: 'success'; data: T; warnings?: string[]; infos?: string[] }
  | { status: 'error'; errorType: string; error: string };

/** An answer's data with what the server wants said about it. */
export type Answer<T> = { data: T; notes: string[] };

export type Params = Record<string, string | number | undefined>;

/** When the server stopped answering, in Unix milliseconds; null while it answers. */
export const serverDownSince = signal<number | null>(null);

/**
 * How far the server's clock is ahead of the browser's, in ms. Relative ranges end at the server's
 * now: a laptop whose clock is ten minutes off would otherwise see empty charts.
 */
export const clockSkewMs = signal(0);

// The Date header has whole seconds and the answer took its way: smaller differences are noise.
const SKEW_MIN_MS = 3_000;

function readClock(response: Response): void {
  const date = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(date)) return;
  const skew = date - Date.now();
  clockSkewMs.value = Math.abs(skew) < SKEW_MIN_MS ? 0 : skew;
}

function errorOf(status: number, path: string, text: string): ApiError {
  const said = text.trim() === '' ? `the server answered with status ${status}` : text.trim();
  if (status === 404) return new ApiError('not_found', said, path);
  if (status === 503 || status === 429) return new ApiError('busy', said, path);
  if (status >= 400 && status < 500) return new ApiError('rejected', said, path);
  return new ApiError('broken', said, path);
}

/** Asks the server and unwraps the envelope. Throws `ApiError`, or the abort as it came. */
export async function get<T>(
  path: string,
  params: Params = {},
  abort?: AbortSignal,
): Promise<Answer<T>> {
  return unwrapped<T>(await ask('GET', withParams(path, params), undefined, abort), path);
}

/** As `get`, for what answers without Prometheus's envelope: Alertmanager's API. */
export async function getPlain<T>(
  path: string,
  params: Params = {},
  abort?: AbortSignal,
): Promise<Answer<T>> {
  return plain<T>(await ask('GET', withParams(path, params), undefined, abort), path);
}

/** As `get`, for what is a text and no JSON. */
export async function getText(path: string, abort?: AbortSignal): Promise<Answer<string>> {
  const said = await ask('GET', path, undefined, abort);
  return said.ok ? { data: said.text, notes: [] } : unwrapped<string>(said, path);
}

/** Changes something. Answers with or without the envelope are read alike. */
export async function send<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  return plain<T>(await ask(method, path, body), path);
}

function withParams(path: string, params: Params): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const query = search.toString();
  return query === '' ? path : `${path}?${query}`;
}

type Said = { ok: boolean; status: number; text: string };

async function ask(method: string, url: string, body: unknown, abort?: AbortSignal): Promise<Said> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...(method !== 'GET' && { method }),
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(abort && { signal: abort }),
    });
  } catch (cause) {
    if (abort?.aborted) throw cause;
    serverDownSince.value ??= Date.now();
    throw new ApiError('unreachable', 'The server does not answer.', url, { cause });
  }
  serverDownSince.value = null;
  readClock(response);
  return { ok: response.ok, status: response.status, text: await response.text() };
}

function unwrapped<T>({ ok, status, text }: Said, path: string): Answer<T> {
  let body: Envelope<T>;
  try {
    body = JSON.parse(text) as Envelope<T>;
  } catch (cause) {
    if (!ok) throw errorOf(status, path, '');
    throw new ApiError('broken', 'The answer is not JSON.', path, { cause });
  }
  if (body.status === 'success') {
    return { data: body.data, notes: [...(body.warnings ?? []), ...(body.infos ?? [])] };
  }
  throw errorOf(status, path, body.error ?? '');
}

function plain<T>({ ok, status, text }: Said, path: string): Answer<T> {
  let body: unknown = null;
  try {
    if (text.trim() !== '') body = JSON.parse(text);
  } catch (cause) {
    if (!ok) throw errorOf(status, path, text.slice(0, 500));
    throw new ApiError('broken', 'The answer is not JSON.', path, { cause });
  }
  if (!ok) throw errorOf(status, path, messageIn(body));
  // Another service's envelope around the same data.
  const data = isEnvelope(body) ? body.data : body;
  return { data: data as T, notes: [] };
}

const isEnvelope = (body: unknown): body is { status: 'success'; data: unknown } =>
  typeof body === 'object' && body !== null && 'status' in body && body.status === 'success';

/** Alertmanager says what was wrong as a text, as `message` or as `error`. */
function messageIn(body: unknown): string {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null) return '';
  for (const name of ['error', 'message']) {
    const said = Reflect.get(body, name) as unknown;
    if (typeof said === 'string') return said;
  }
  return '';
}

/** The answer, or null from a server that has no such endpoint: that is no error here. */
export async function unlessAbsent<T>(asked: Promise<Answer<T>>): Promise<Answer<T | null>> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'not_found') return { data: null, notes: [] };
    throw error;
  }
}

/** Runs at most `max` jobs at a time, the others wait in line. An aborted job leaves the line. */
export function limiter(max: number) {
  let running = 0;
  const line: (() => void)[] = [];
  return async function run<T>(job: () => Promise<T>, abort?: AbortSignal): Promise<T> {
    // Whoever waits is handed the slot of the one that ends, so `running` stays as it is.
    if (running >= max) await new Promise<void>((resolve) => line.push(resolve));
    else running += 1;
    try {
      abort?.throwIfAborted();
      return await job();
    } finally {
      const next = line.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
