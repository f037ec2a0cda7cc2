import { vi } from 'vitest';

/** A page's server: data by path, or a failure as `[status, message]`. Other paths are a 404. */
export function serve(answers: Record<string, unknown>, notes: string[] = []): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    const path = url.split('?')[0] ?? '';
    const answer = answers[path];
    if (answer === undefined) return failure(404, 'unknown');
    if (answer instanceof Failure) return failure(answer.status, answer.message);
    return new Response(JSON.stringify({ status: 'success', data: answer, warnings: notes }));
  });
  return asked;
}

export class Failure {
  constructor(
    readonly status: number,
    readonly message: string,
  ) {}
}

const failure = (status: number, error: string) =>
  new Response(JSON.stringify({ status: 'error', errorType: 'x', error }), { status });
