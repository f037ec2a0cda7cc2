// A made-up shop: three services, one of which gets slow and then fails, and some strays around it.
// Every value is a function of the time, so any range can be asked for, twice, with one answer.

const BORN = Math.floor(Date.now() / 1000);
export const FAULT = { slow: BORN - 420, failing: BORN - 260, ends: BORN + 1800 };
const RESTART = { from: BORN - 640, to: BORN - 600 };

/** Noise in 0..1 that depends on the name and the time only. */
function noise(name, t) {
  let hash = 2166136261;
  for (const char of `${name}${Math.floor(t / 5)}`) {
    hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  }
  hash ^= hash >>> 15;
  return ((hash >>> 0) % 10000) / 10000;
}
const smooth = (name, t) =>
  (noise(name, t - 10) + noise(name, t - 5) + noise(name, t) + noise(name, t + 5)) / 4;
const wave = (t, period, phase = 0) => (1 + Math.sin(((t + phase) / period) * 2 * Math.PI)) / 2;
const ramp = (t, from, length) => Math.min(1, Math.max(0, (t - from) / length));
const inFault = (t, from) => (t < FAULT.ends ? ramp(t, from, 40) : 0);
const down = (job, t) => job === 'payments' && t >= RESTART.from && t < RESTART.to;

export const SHOP = {
  storefront: {
    base: 42,
    routes: ['/', '/product', '/basket', '/checkout'],
    lat: 0.038,
    hurt: 0.5,
  },
  cart: { base: 31, routes: ['/items', '/total', '/checkout'], lat: 0.019, hurt: 0.7 },
  payments: { base: 9, routes: ['/charge', '/refund', '/status'], lat: 0.06, hurt: 1 },
};

export function rate(job, t) {
  if (down(job, t)) return null;
  const calm = SHOP[job].base * (0.75 + 0.3 * wave(t, 1100) + 0.2 * smooth(job, t));
  return calm * (1 - 0.35 * inFault(t, FAULT.slow) * SHOP[job].hurt);
}
export function errorRatio(job, t) {
  if (down(job, t)) return null;
  const calm = smooth(`${job}e`, t) > 0.62 ? 0.002 : 0;
  return Math.min(
    1,
    calm + inFault(t, FAULT.failing) * SHOP[job].hurt * (0.2 + 0.14 * smooth(job, t)),
  );
}
export function latency(job, q, t) {
  if (down(job, t)) return null;
  const { lat, hurt } = SHOP[job];
  const tail = q === 0.5 ? 1 : q === 0.95 ? 2.9 : 5.2;
  return (
    lat *
    tail *
    (0.9 + 0.25 * smooth(job + q, t)) *
    (1 + inFault(t, FAULT.slow) * hurt * (q > 0.9 ? 16 : 5))
  );
}

const share = (job, route) => {
  const routes = SHOP[job].routes;
  const weights = routes.map((_, i) => 1 / (i + 1.4));
  return weights[routes.indexOf(route)] / weights.reduce((a, b) => a + b);
};

/** Expression → what it is at a time: a list of label sets and values. */
const ANSWERS = new Map();
const known = (expr, answer) => {
  ANSWERS.set(expr, answer);
  return expr;
};

function flaskRows(job, w) {
  const sel = `job="${job}"`;
  const q = (quantile) =>
    known(
      [
        `histogram_quantile(${quantile}, sum by (le) `,
        `(rate(flask_http_request_duration_seconds_bucket{${sel}}[${w}])))`,
      ].join(''),
      (t) => [[{}, latency(job, quantile, t)]],
    );
  const byRoute = (fn) => (t) => SHOP[job].routes.map((route) => [{ path: route }, fn(route, t)]);
  return [
    {
      title: 'Requests',
      panels: [
        {
          id: 'rate',
          title: 'Requests by status',
          help: 'Requests answered per second, by status code.',
          type: 'timeseries',
          unit: 'reqps',
          width: 8,
          stack: true,
          from_zero: true,
          thresholds: [],
          queries: [
            {
              expr: known(`sum by (status) (rate(flask_http_request_total{${sel}}[${w}]))`, (t) => {
                const all = rate(job, t);
                if (all === null) return [];
                const bad = errorRatio(job, t) * all;
                return [
                  [{ status: '200' }, all - bad - all * 0.03],
                  [{ status: '404' }, all * 0.03 * smooth(`${job}404`, t)],
                  [{ status: job === 'payments' ? '503' : '502' }, bad],
                ];
              }),
              legend: '{{status}}',
              instant: false,
            },
          ],
        },
        {
          id: 'errors',
          title: 'Error ratio',
          help: 'Share of requests that end with a status of 500 or more.',
          type: 'timeseries',
          unit: 'percentunit',
          width: 8,
          from_zero: true,
          thresholds: [
            { value: 0.05, severity: 'critical', name: 'page' },
            { value: 0.01, severity: 'warning', name: 'budget' },
          ],
          queries: [
            {
              expr: known(
                [
                  `sum by (job) (rate(flask_http_request_total{status=~"5..",${sel}}[${w}])) / `,
                  `sum by (job) (rate(flask_http_request_total{${sel}}[${w}]))`,
                ].join(''),
                (t) => [[{ job }, errorRatio(job, t)]],
              ),
              legend: 'errors',
              instant: false,
            },
          ],
        },
        {
          id: 'latency',
          title: 'Latency',
          help: 'Half, 95 % and 99 % of requests are faster than this.',
          type: 'timeseries',
          unit: 's',
          width: 8,
          from_zero: true,
          thresholds: [{ value: 1, severity: 'warning', name: 'slow' }],
          queries: [
            { expr: q(0.5), legend: 'p50', instant: false },
            { expr: q(0.95), legend: 'p95', instant: false },
            { expr: q(0.99), legend: 'p99', instant: false },
          ],
        },
      ],
    },
    {
      title: 'Routes',
      panels: [
        {
          id: 'route-rate',
          title: 'Requests by route',
          type: 'timeseries',
          unit: 'reqps',
          width: 8,
          from_zero: true,
          queries: [
            {
              expr: known(
                `sum by (path) (rate(flask_http_request_duration_seconds_count{${sel}}[${w}]))`,
                byRoute((route, t) => {
                  const all = rate(job, t);
                  return all === null
                    ? null
                    : all * share(job, route) * (0.9 + 0.2 * smooth(route, t));
                }),
              ),
              legend: '{{path}}',
              instant: false,
            },
          ],
        },
        {
          id: 'route-p95',
          title: '95 % faster than, by route',
          type: 'timeseries',
          unit: 's',
          width: 8,
          from_zero: true,
          queries: [
            {
              expr: known(
                [
                  `histogram_quantile(0.95, sum by (le, path) `,
                  `(rate(flask_http_request_duration_seconds_bucket{${sel}}[${w}])))`,
                ].join(''),
                byRoute((route, t) => {
                  const p95 = latency(job, 0.95, t);
                  return p95 === null ? null : p95 * (0.4 + share(job, route) * 2);
                }),
              ),
              legend: '{{path}}',
              instant: false,
            },
          ],
        },
        {
          id: 'slowest',
          title: 'Slowest routes',
          type: 'table',
          unit: 's',
          width: 8,
          queries: [
            {
              expr: known(
                [
                  `topk(10, histogram_quantile(0.95, sum by (le, path) `,
                  `(rate(flask_http_request_duration_seconds_bucket{${sel}}[5m]))))`,
                ].join(''),
                byRoute((route, t) => latency(job, 0.95, t) * (0.4 + share(job, route) * 2)),
              ),
              legend: '{{path}}',
              instant: true,
            },
          ],
        },
      ],
    },
  ];
}

function pythonRows(job, w) {
  const sel = `job="${job}"`;
  const pids = [1, 2].map((i) => String(4100 + i * 7 + job.length));
  const each = (fn) => (t) => (down(job, t) ? [] : pids.map((pid) => [{ pid }, fn(pid, t)]));
  return [
    {
      title: 'Runtime',
      panels: [
        {
          id: 'cpu',
          title: 'CPU',
          type: 'timeseries',
          unit: 'cores',
          width: 6,
          from_zero: true,
          queries: [
            {
              expr: known(`sum(rate(process_cpu_seconds_total{${sel}}[${w}]))`, (t) => [
                [
                  {},
                  rate(job, t) === null
                    ? null
                    : rate(job, t) * 0.0061 + 0.02 * smooth(`${job}c`, t),
                ],
              ]),
              legend: 'used',
              instant: false,
            },
            {
              expr: known(`sum(pyrometer_workers{${sel}})`, (t) => (down(job, t) ? [] : [[{}, 2]])),
              legend: 'workers',
              instant: false,
            },
          ],
        },
        {
          id: 'memory',
          title: 'Memory by worker',
          type: 'timeseries',
          unit: 'bytes',
          width: 6,
          from_zero: true,
          queries: [
            {
              expr: known(
                `process_resident_memory_bytes{${sel}}`,
                each((pid, t) => 47e6 + Number(pid) * 900 + 5e6 * wave(t, 700, Number(pid) * 90)),
              ),
              legend: '{{pid}}',
              instant: false,
            },
          ],
        },
        {
          id: 'gc',
          title: 'Garbage collections',
          type: 'timeseries',
          unit: 'ops',
          width: 6,
          from_zero: true,
          queries: [
            {
              expr: known(
                `sum by (generation) (rate(python_gc_collections_total{${sel}}[${w}]))`,
                (t) =>
                  down(job, t)
                    ? []
                    : ['0', '1', '2'].map((generation, i) => [
                        { generation },
                        (1.9 * smooth(`${job}gc${i}`, t)) / 8 ** i,
                      ]),
              ),
              legend: 'generation {{generation}}',
              instant: false,
            },
          ],
        },
        {
          id: 'starts',
          title: 'Process starts',
          type: 'timeseries',
          unit: 'short',
          width: 6,
          from_zero: true,
          queries: [
            {
              expr: known(`sum(increase(pyrometer_process_starts_total{${sel}}[${w}]))`, (t) => [
                [{}, t >= RESTART.to && t < RESTART.to + 60 ? 2 : 0],
              ]),
              legend: 'workers',
              instant: false,
            },
          ],
        },
        {
          id: 'fds',
          title: 'Open files',
          type: 'timeseries',
          unit: 'short',
          width: 6,
          from_zero: true,
          queries: [
            {
              expr: known(
                `process_open_fds{${sel}}`,
                each((pid, t) => 14 + Math.round(5 * smooth(pid, t))),
              ),
              legend: '{{pid}}',
              instant: false,
            },
            {
              expr: known(`max(process_max_fds{${sel}})`, () => [[{}, 20_000]]),
              legend: 'limit',
              instant: false,
            },
          ],
        },
      ],
    },
  ];
}

export function dashboards(job, w = '1m') {
  if (!(job in SHOP)) return [];
  return [
    { id: 'flask/overview', title: 'Flask service', rows: flaskRows(job, w) },
    { id: 'python/runtime', title: 'Python runtime', rows: pythonRows(job, w) },
  ];
}

/** What `query` would answer at one time, or null if the expression is none of ours. */
export function evaluate(expr, t) {
  const answer = ANSWERS.get(expr);
  return answer === undefined
    ? null
    : answer(t).filter(([, value]) => value !== null && Number.isFinite(value));
}
