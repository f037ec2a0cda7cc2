// Serves ui/dist and the contract of docs/api.md from made-up data, for work on the UI alone.
//   node dev/fixture-server.mjs [--port 5190]
//     [--mode lively|calm|young|empty|many|grouped|crowd|slow|error|partial]
// `POST /__mode/<name>` changes the mode while it runs.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import * as answers from './answers.mjs';
import * as diagnosis from './diagnosis.mjs';

const DIST = join(import.meta.dirname, '..', 'dist');
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
const SLOW_MS = 2_500;

export function startFixture({ port = 0, mode = 'lively' } = {}) {
  const state = { mode };
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const control = /^\/__mode\/(\w+)$/.exec(url.pathname);
    if (control !== null && request.method === 'POST') {
      state.mode = control[1];
      response.end('ok\n');
    } else if (url.pathname.startsWith('/api/') && request.method === 'POST') {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => act(url, JSON.parse(body || '{}'), response, state.mode));
    } else if (url.pathname.startsWith('/api/')) {
      setTimeout(() => answer(url, response, state.mode), state.mode === 'slow' ? SLOW_MS : 10);
    } else {
      sendFile(url.pathname, response);
    }
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        setMode: (next) => {
          state.mode = next;
        },
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}

const INCIDENT = /^\/api\/v1\/incidents\/([^/]+)(?:\/(\w+))?$/;

function act(url, body, response, mode) {
  const [, id, what] = INCIDENT.exec(url.pathname) ?? [];
  const done =
    id === undefined ? null : diagnosis.act(decodeURIComponent(id), what ?? '', body, mode);
  if (done === null)
    send(response, 404, { status: 'error', errorType: 'not_found', error: 'no such incident' });
  else send(response, 200, { status: 'success', data: done });
}

function answer(url, response, mode) {
  const fail = (status, errorType, error) =>
    send(response, status, { status: 'error', errorType, error });
  const ok = (data, warnings = []) =>
    send(response, 200, { status: 'success', data, ...(warnings.length > 0 && { warnings }) });
  if (mode === 'error')
    return fail(503, 'unavailable', 'too many queries at once: 16 run and 64 wait; try again soon');
  const query = url.searchParams;
  switch (url.pathname) {
    case '/api/v1/services':
      return ok(
        answers.services(query, mode),
        mode === 'partial' ? ['p95 is missing for cart: the query took longer than 2 s'] : [],
      );
    case '/api/v1/rules':
      return ok(answers.rules(mode));
    case '/api/v1/alerts':
      return ok(answers.alerts(mode));
    case '/api/v1/packs':
      return ok(answers.packs(mode));
    case '/api/v1/targets':
      return ok(answers.targets(mode));
    case '/api/v1/status/flags':
      return ok({});
    case '/api/v1/status/buildinfo':
      return ok({ version: '0.1.0', revision: 'fixture' });
    case '/api/v1/graph':
      return ok(
        diagnosis.graph(query, mode),
        mode === 'partial'
          ? ['relations of hosts are missing: the query took longer than 2 s']
          : [],
      );
    case '/api/v1/entities':
      return ok(diagnosis.entities(query, mode));
    case '/api/v1/entity': {
      const found = diagnosis.entity(query, mode);
      return found === null ? fail(404, 'not_found', 'no such entity at this time') : ok(found);
    }
    case '/api/v1/assertions':
      return ok(diagnosis.assertions(query, mode));
    case '/api/v1/changes':
      return ok(diagnosis.changes(mode));
    case '/api/v1/incidents':
      return ok(diagnosis.incidents(query, mode));
    case '/api/v1/query':
      return ok({ resultType: 'vector', result: answers.queryInstant(query) });
    case '/api/v1/query_range': {
      if (mode === 'partial' && query.get('query').includes('0.99'))
        return fail(422, 'execution', 'the query took longer than 2 s');
      if (mode === 'partial' && query.get('query').includes('memory'))
        return fail(422, 'execution', 'the query needs more than 50,000,000 samples');
      const { result, error } = answers.queryRange(query, mode);
      return error === undefined
        ? ok({ resultType: 'matrix', result })
        : fail(400, 'bad_data', error);
    }
    default: {
      const [, id, what] = INCIDENT.exec(url.pathname) ?? [];
      if (id !== undefined) return incidentAnswer(decodeURIComponent(id), what, response, mode);
      const name = /^\/api\/v1\/services\/([^/]+)$/.exec(url.pathname)?.[1];
      const found = name === undefined ? null : answers.service(decodeURIComponent(name), query);
      return found === null ? fail(404, 'not_found', `no service is called ${name}`) : ok(found);
    }
  }
}

function incidentAnswer(id, what, response, mode) {
  const found =
    what === 'postmortem' ? diagnosis.postmortem(id, mode) : diagnosis.incident(id, mode);
  if (found === null) {
    const error = `no incident is called ${id}`;
    send(response, 404, { status: 'error', errorType: 'not_found', error });
  } else if (what === 'postmortem') {
    response.writeHead(200, { 'content-type': 'text/markdown; charset=utf-8' });
    response.end(found);
  } else send(response, 200, { status: 'success', data: found });
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function sendFile(pathname, response) {
  const wanted = join(DIST, normalize(pathname).replace(/^(\.\.[/\\])+/, ''));
  const found = existsSync(wanted) && statSync(wanted).isFile();
  if (!found && extname(pathname) !== '') {
    response.writeHead(404).end();
    return;
  }
  const path = found ? wanted : join(DIST, 'index.html');
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-encoding': 'gzip',
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
  });
  createReadStream(`${path}.gz`).pipe(response);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '5190' },
      mode: { type: 'string', default: 'lively' },
    },
  });
  const { url } = await startFixture({ port: Number(values.port), mode: values.mode });
  console.log(`fixture data, mode ${values.mode}: ${url}`);
}
