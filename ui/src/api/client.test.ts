import { afterEach, expect, test, vi } from 'vitest';
import { type ApiError, clockSkewMs, get, limiter, serverDownSince } from './client';

afterEach(() => vi.unstubAllGlobals());

const answer = (status: number, body: string, headers = {}) =>
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers }));

async function errorOf(): Promise<ApiError> {
  try {
    await get('/api/v1/x');
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('the request did not fail');
}

async function check(status: number, body: string, kind: string, message: string) {
  answer(status, body);
  expect(await errorOf()).toMatchObject({ kind, message });
}

test('a success is its data with what the server warns of', async () => {
  answer(200, '{"status":"success","data":[1],"warnings":["a"],"infos":["b"]}');
  expect(await get('/api/v1/x')).toEqual({ data: [1], notes: ['a', 'b'] });
});

test('failures come in the classes that a page can act on', async () => {
  const error = (text: string) => JSON.stringify({ status: 'error', errorType: 'x', error: text });
  await check(400, error('no such label'), 'rejected', 'no such label');
  await check(422, error('cannot evaluate'), 'rejected', 'cannot evaluate');
  await check(404, error('unknown'), 'not_found', 'unknown');
  await check(503, error('too busy'), 'busy', 'too busy');
  await check(500, error(''), 'broken', 'the server answered with status 500');
  await check(502, '<html>Bad gateway</html>', 'broken', 'the server answered with status 502');
  await check(200, '<html></html>', 'broken', 'The answer is not JSON.');
  await check(200, '', 'broken', 'The answer is not JSON.');
});

test('a server that does not answer is down until it answers', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch');
  });
  expect(await errorOf()).toMatchObject({ kind: 'unreachable' });
  expect(serverDownSince.value).not.toBeNull();
  answer(400, '{"status":"error","errorType":"x","error":"y"}');
  await errorOf();
  expect(serverDownSince.value).toBeNull();
});

test('an abort is passed on and is no sign of a server that is down', async () => {
  const abort = new AbortController();
  vi.stubGlobal('fetch', async () => {
    abort.abort();
    throw new DOMException('aborted', 'AbortError');
  });
  await expect(get('/api/v1/x', {}, abort.signal)).rejects.toThrow('aborted');
  expect(serverDownSince.value).toBeNull();
});

test('a clock that is far off is corrected, a small difference is not', async () => {
  const ahead = (ms: number) => ({ date: new Date(Date.now() + ms).toUTCString() });
  const empty = '{"status":"success","data":0}';
  answer(200, empty, ahead(600_000));
  await get('/api/v1/x');
  expect(clockSkewMs.value).toBeGreaterThan(590_000);
  answer(200, empty, ahead(1_000));
  await get('/api/v1/x');
  expect(clockSkewMs.value).toBe(0);
});

test('parameters without a value are left out', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    return new Response('{"status":"success","data":0}');
  });
  await get('/api/v1/x', { a: 'b c&d', e: undefined, f: 0 });
  expect(asked).toEqual(['/api/v1/x?a=b+c%26d&f=0']);
});

test('the line lets only so many run, and goes on after a failure', async () => {
  const run = limiter(2);
  let running = 0;
  let most = 0;
  const job = async (i: number) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    if (i === 1) throw new Error('one fails');
    return i;
  };
  const done = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => run(() => job(i))));
  expect(most).toBe(2);
  expect(done.map(({ status }) => status).filter((it) => it === 'fulfilled')).toHaveLength(4);
});
