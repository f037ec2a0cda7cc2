// The contract of docs/api.md, answered from the made-up world.
import { dashboards, errorRatio, evaluate, FAULT, latency, rate, SHOP } from './world.mjs';
import { evaluateKpi } from './diagnosis.mjs';

const seconds = () => Date.now() / 1000;
const ms = (t) => Math.round(t * 1000);
const iso = (t) => new Date(t * 1000).toISOString();
const percent = (ratio) => `${Math.round(ratio * 100)} %`;

function kpis(job, steps) {
  const t = seconds();
  const of = (unit, fn) => ({
    unit,
    now: fn(t),
    ...(steps && { values: steps.map((at) => fn(at)) }),
  });
  return {
    rate: of('reqps', (at) => rate(job, at)),
    errors: of('percentunit', (at) => errorRatio(job, at)),
    p95: of('s', (at) => latency(job, 0.95, at)),
  };
}

function shopService(job, steps) {
  const t = seconds();
  const errors = errorRatio(job, t) ?? 0;
  const slow = latency(job, 0.95, t) ?? 0;
  const alerts = shopAlerts(job).map(({ name, severity, state, since, summary, value }) => ({
    name,
    severity,
    state,
    active_at_ms: ms(since),
    summary,
    value,
  }));
  const firing = alerts.filter((alert) => alert.state === 'firing');
  const state = firing.some((alert) => alert.severity === 'critical')
    ? 'critical'
    : firing.length > 0
      ? 'warning'
      : 'good';
  return {
    name: job,
    framework: 'flask',
    runtime: 'python',
    version: '1.0.1',
    packs: ['flask', 'python'],
    state,
    sentence:
      state === 'critical'
        ? `Errors ${percent(errors)}, the limit is 5 %`
        : state === 'warning'
          ? `95 % of requests take up to ${slow.toFixed(1)} s, the limit is 1 s`
          : null,
    since_ms:
      firing.length > 0
        ? Math.min(...firing.map((alert) => alert.active_at_ms))
        : ms(FAULT.slow - 4000),
    instances: { up: 1, total: 1 },
    workers: 2,
    changed_ms: job === 'payments' ? ms(FAULT.slow - 180) : ms(FAULT.slow - 9000),
    alerts,
    kpis: kpis(job, steps),
    note: null,
  };
}

function shopAlerts(job) {
  const t = seconds();
  const list = [];
  const errors = errorRatio(job, t) ?? 0;
  if (errors > 0.05) {
    list.push({
      name: 'FlaskErrorRatioHigh',
      severity: 'critical',
      state: job === 'storefront' ? 'pending' : 'firing',
      since: FAULT.failing + 40,
      value: errors,
      summary: `${job}: ${percent(errors)} of requests fail, 1 in 20 may`,
    });
  }
  const slow = latency(job, 0.95, t) ?? 0;
  if (slow > 0.5) {
    list.push({
      name: 'FlaskLatencyHigh',
      severity: 'warning',
      state: 'firing',
      since: FAULT.slow + 60,
      value: slow,
      summary: `${job}: 95 % of requests take up to ${slow.toFixed(1)} s`,
    });
  }
  return list;
}

const plain = (name, over) => ({
  name,
  framework: null,
  runtime: 'python',
  version: null,
  packs: [],
  state: 'unknown',
  sentence: null,
  since_ms: null,
  instances: { up: 1, total: 1 },
  workers: null,
  changed_ms: null,
  alerts: [],
  kpis: {},
  note: null,
  ...over,
});

function strays() {
  return [
    plain('billing-export', {
      runtime: 'python',
      instances: { up: 0, total: 1 },
      note: `down since ${iso(FAULT.slow - 1000).slice(11, 16)}: connection refused`,
      since_ms: ms(FAULT.slow - 1000),
    }),
    plain('mailer', {
      framework: 'flask',
      packs: ['flask', 'python'],
      workers: 4,
      note: 'no requests in the last 2 min; scraped 3 s ago (43 series)',
      changed_ms: ms(FAULT.slow - 400000),
      kpis: { rate: { unit: 'reqps', now: 0, values: [] } },
    }),
    plain('node', { runtime: null, note: 'scraped; no pack knows these metrics yet' }),
  ];
}

export function services(query, mode) {
  if (mode === 'empty') return { services: [], scrape_interval_s: 5 };
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(query.get(name)));
  const steps = query.has('start')
    ? Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step)
    : undefined;
  const shop = Object.keys(SHOP).map((job) => shopService(job, steps));
  const many =
    mode === 'many'
      ? Array.from({ length: 30 }, (_, i) => ({
          ...shop[i % 3],
          name: `svc-${i}-${'with-a-rather-long-name'.slice(0, (i * 5) % 24)}`,
        }))
      : [];
  const rank = ['critical', 'warning', 'unknown', 'good'];
  const list = [...shop, ...many, ...strays()].sort(
    (a, b) =>
      rank.indexOf(a.state) - rank.indexOf(b.state) ||
      (b.kpis.rate?.now ?? 0) - (a.kpis.rate?.now ?? 0),
  );
  const shown =
    mode === 'calm'
      ? list
          .filter(({ name }) => name in SHOP)
          .map((one) => ({ ...one, state: 'good', sentence: null, alerts: [] }))
      : list;
  return { services: shown, ...(steps && { steps_ms: steps.map(ms) }), scrape_interval_s: 5 };
}

export function service(name, query) {
  const found = [...Object.keys(SHOP).map((job) => shopService(job)), ...strays()].find(
    (one) => one.name === name,
  );
  if (found === undefined) return null;
  const up = found.instances.up > 0;
  return {
    service: found,
    instances: [
      {
        instance: '127.0.0.1:8001',
        health: up ? 'up' : 'down',
        last_scrape_ms: ms(Math.floor(seconds() / 5) * 5),
        last_error: up ? null : 'connection refused',
        samples: up ? 143 : 0,
      },
    ],
    detections:
      name in SHOP
        ? [
            {
              pack: 'flask',
              title: 'Flask',
              why: 'flask_exporter_info{version="0.23.2"}',
              variants: { endpoint_label: 'path' },
            },
            {
              pack: 'python',
              title: 'Python',
              why: 'python_info{implementation="CPython", version="3.11.2"}',
              variants: {},
            },
          ]
        : [],
    dashboards: dashboards(name, query.get('window') ?? '1m'),
  };
}

const prom = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(8));

/** How long a service of mode `young` has run, in seconds. */
const YOUTH = 200;

export function queryRange(query, mode) {
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(query.get(name)));
  if (!(step > 0) || (end - start) / step > 11000)
    return { error: 'exceeded maximum resolution of 11,000 points per timeseries' };
  const series = new Map();
  const born = mode === 'young' ? seconds() - YOUTH : 0;
  for (let t = start; t <= Math.min(end, seconds()); t += step) {
    if (t < born) continue;
    const values = evaluateKpi(query.get('query'), t) ?? evaluate(query.get('query'), t);
    if (values === null) return { result: [] };
    for (const [metric, value] of values) {
      const key = JSON.stringify(metric);
      if (!series.has(key)) series.set(key, { metric, values: [] });
      series.get(key).values.push([t, prom(value)]);
    }
  }
  return { result: [...series.values()] };
}

export function queryInstant(query) {
  const t = Number(query.get('time') ?? seconds());
  return (evaluateKpi(query.get('query'), t) ?? evaluate(query.get('query'), t) ?? []).map(
    ([metric, value]) => ({
      metric,
      value: [t, prom(value)],
    }),
  );
}

/** As many as an installation of this kind is ever asked to show. */
const CROWD = { alerts: 10_000, rules: 1_000, targets: 2_000 };

const RUNBOOK = `# FlaskErrorRatioHigh

Meaning: more than 5 % of requests failed over the last minute, with at least ten failures.

Impact: users get errors now.

Check:

- The panel "Requests by status": one route or all?
- What this service calls: is it slow, does it fail? See https://example.org/runbooks/dependencies
- Was there a deploy in the last hour?

Fix: roll back, or bring back what it depends on.`;

export function rules(mode) {
  if (mode === 'empty') return { groups: [] };
  const t = Math.floor(seconds() / 5) * 5;
  const base = (name, query, over) => ({
    name,
    query,
    health: 'ok',
    evaluationTime: 0.0004,
    lastEvaluation: iso(t),
    type: 'alerting',
    state: 'inactive',
    duration: 30,
    labels: { severity: 'warning' },
    annotations: {},
    alerts: [],
    ...over,
  });
  const raised = (wanted) =>
    Object.keys(SHOP).flatMap((job) =>
      shopAlerts(job)
        .filter(({ name }) => name === wanted)
        .map(({ name, severity, state, since, summary, value }) => ({
          labels: { alertname: name, job, severity, service: job },
          annotations: {
            summary,
            description: `Seen on ${job} since ${iso(since)}. The load has not changed.`,
          },
          state,
          activeAt: iso(since),
          value: String(value),
        })),
    );
  const withAlerts = (name, query, severity, over) => {
    const alerts = raised(name);
    const state = alerts.some((alert) => alert.state === 'firing')
      ? 'firing'
      : alerts.length > 0
        ? 'pending'
        : 'inactive';
    return base(name, query, {
      labels: { severity },
      alerts,
      state,
      pack: 'flask',
      runbook: RUNBOOK,
      ...over,
    });
  };
  const extra =
    mode === 'many' || mode === 'crowd'
      ? Array.from({ length: mode === 'crowd' ? CROWD.alerts : 40 }, (_, i) => ({
          labels: {
            alertname: 'QueueOld',
            job: `svc-${i}`,
            severity: i % 3 === 0 ? 'critical' : 'warning',
            queue: `orders-${i}`,
          },
          annotations: { summary: `The oldest message in orders-${i} waits ${3 + i} min` },
          state: i % 5 === 0 ? 'pending' : 'firing',
          activeAt: iso(t - (i % 900) * 77),
          value: String(180 + i * 60),
        }))
      : [];
  return {
    groups: [
      {
        name: 'flask',
        file: 'packs/flask/alerts.yml',
        interval: 5,
        rules: [
          withAlerts(
            'FlaskErrorRatioHigh',
            [
              'sum by (job) (rate(flask_http_request_total{status=~"5.."}[1m]))\n  / sum by ',
              '(job) (rate(flask_http_request_total[1m])) > 0.05',
            ].join(''),
            'critical',
          ),
          withAlerts(
            'FlaskLatencyHigh',
            [
              'histogram_quantile(0.95, sum by (job, le) ',
              '(rate(flask_http_request_duration_seconds_bucket[1m]))) > 0.5',
            ].join(''),
            'warning',
          ),
          base(
            'FlaskPathCardinality',
            [
              'count by (job) (count by (job, path) ',
              '(flask_http_request_duration_seconds_count)) > 300',
            ].join(''),
            {
              pack: 'flask',
              runbook: [
                '# FlaskPathCardinality\nMeaning: the exporter makes one histogram per ',
                "URL.\nFix: `PrometheusMetrics(app, group_by='url_rule')`.",
              ].join(''),
            },
          ),
          {
            name: 'job:flask_http_request:rate1m',
            query: 'sum by (job) (rate(flask_http_request_total[1m]))',
            health: 'ok',
            evaluationTime: 0.0002,
            lastEvaluation: iso(t),
            type: 'recording',
            labels: {},
          },
        ],
      },
      {
        name: 'python',
        file: 'packs/python/alerts.yml',
        interval: 5,
        rules: [
          base('ProcessDown', 'up == 0', {
            labels: { severity: 'critical' },
            pack: 'python',
            alerts: [
              {
                labels: {
                  alertname: 'ProcessDown',
                  job: 'billing-export',
                  instance: '127.0.0.1:9400',
                  severity: 'critical',
                },
                annotations: { summary: 'billing-export has not answered for 12 min' },
                state: 'firing',
                activeAt: iso(FAULT.slow - 940),
                value: '0',
              },
            ],
            state: 'firing',
          }),
          base('FileDescriptorsNearLimit', 'process_open_fds / process_max_fds > 0.8', {
            pack: 'python',
          }),
          base('PythonRestartLoop', 'changes(process_start_time_seconds[10m]) > 3', {
            pack: 'python',
            notEvaluable: 'no target exposes process_start_time_seconds',
          }),
          base('WorkersMissing', 'sum by (job) (pyrometer_workers) < 1', {
            health: 'unknown',
            pack: 'python',
            lastEvaluation: '0001-01-01T00:00:00Z',
          }),
        ],
      },
      {
        name: 'own',
        file: '/etc/pyrometer/rules/own.yml',
        interval: 15,
        rules: [
          base('QueueOld', 'max by (queue) (queue_oldest_seconds) > 120', {
            alerts: extra,
            state: extra.length > 0 ? 'firing' : 'inactive',
            duration: 120,
          }),
          ...Array.from({ length: mode === 'crowd' ? CROWD.rules : 0 }, (_, i) =>
            base(`Queue${i}Old`, `max(queue_oldest_seconds{queue="orders-${i}"}) > 120`, {}),
          ),
          base(
            'CheckoutValue',
            'rate(my_app_cart_value_sum[5m]) / on (job) rate(checkouts_total[5m]) < 5',
            {
              health: 'err',
              lastError:
                'many-to-many matching not allowed: matching labels must be unique on one side',
            },
          ),
        ],
      },
    ],
  };
}

export const alerts = (mode) => ({
  alerts: rules(mode).groups.flatMap((group) => group.rules.flatMap((rule) => rule.alerts ?? [])),
});

export function targets(mode) {
  if (mode === 'empty') return { activeTargets: [], droppedTargets: [] };
  const t = Math.floor(seconds() / 5) * 5;
  const base = (job, instance, over) => ({
    discoveredLabels: {
      __address__: instance,
      __scheme__: 'http',
      __metrics_path__: '/metrics',
      job,
    },
    labels: { instance, job },
    scrapePool: job,
    scrapeUrl: `http://${instance}/metrics`,
    globalUrl: `http://${instance}/metrics`,
    lastError: '',
    lastScrape: iso(t),
    lastScrapeDuration: 0.0031,
    health: 'up',
    scrapeInterval: '5s',
    scrapeTimeout: '5s',
    service: job,
    kind: 'announced',
    lastSamples: 143,
    rejected: [],
    rejectedTotal: 0,
    ...over,
  });
  return {
    droppedTargets: [],
    activeTargets: [
      ...Object.keys(SHOP).map((job, i) =>
        base(job, `pid ${4107 + i * 14}`, {
          scrapeUrl: `segments:///dev/shm/pyrometer-0/${4107 + i * 14}`,
          lastScrapeDuration: 0.0004 + i * 0.0001,
          lastSamples: 143 + i * 22,
          discoveredLabels: {
            __meta_pyrometer_pid: String(4107 + i * 14),
            __meta_pyrometer_command: 'gunicorn --workers 2 app:app',
          },
        }),
      ),
      base('billing-export', '127.0.0.1:9400', {
        kind: 'static',
        health: 'down',
        lastError: 'connection refused (127.0.0.1:9400)',
        lastSamples: 0,
        lastScrapeDuration: 0.0002,
      }),
      base('legacy', '10.0.4.17:9091', {
        kind: 'static',
        lastSamples: 20000,
        limited: 'sample_limit 20,000',
        lastScrapeDuration: 1.84,
        lastError: '',
      }),
      base('legacy', '10.0.4.18:9091', {
        kind: 'static',
        health: 'down',
        lastError: 'body is larger than body_size_limit 16 MiB',
        limited: 'body_size_limit 16 MiB',
        lastScrapeDuration: 2.2,
        lastSamples: 0,
      }),
      base('node', '127.0.0.1:9100', {
        kind: 'file',
        lastSamples: 1204,
        lastScrapeDuration: 0.021,
        rejectedTotal: 17,
        rejected: [
          {
            line: 12,
            text: 'node_cpu_seconds_total{cpu="0",mode="idle" 8123.4',
            reason: 'expected , or } after a label, found 8',
          },
          { line: 40, text: 'node load1 0.4', reason: 'expected a number, found load1' },
          {
            line: 41,
            text: '<img src=x onerror=alert(1)>',
            reason: 'expected a metric name, found <',
          },
          { line: 90, text: 'node_time_seconds NaNN', reason: 'NaNN is not a number' },
          {
            line: 91,
            text: `node_text{a="${'x'.repeat(160)}`,
            reason: 'label value is not closed',
          },
        ],
      }),
      base('mailer', 'pid 5120', { lastSamples: 43 }),
      ...Array.from({ length: mode === 'crowd' ? CROWD.targets : 0 }, (_, i) =>
        base(`svc-${i % 7}`, `10.1.${i >> 8}.${i % 256}:9091`, {
          kind: 'static',
          ...(i % 97 === 0 && { health: 'down', lastError: 'connection refused' }),
        }),
      ),
    ],
  };
}

/** The library: what the shop runs, and sixty packs that it does not. */
export function packs(mode) {
  const services = mode === 'empty' ? [] : Object.keys(SHOP);
  const found = services.map((service, i) => ({
    service,
    why: 'flask_exporter_info{version="0.23.2"}',
    variants: { endpoint_label: 'path' },
    armed: 7 - (i % 3),
    needs_data: 0,
    not_evaluable: i % 3,
    off: 0,
    firing: shopAlerts(service).length,
    pending: 0,
    severity: shopAlerts(service).length > 0 ? 'critical' : null,
  }));
  const pack = (id, title, layer, metric, where) => ({
    id,
    title,
    version: '1',
    tier: 1,
    layer,
    looks_for: { any: [{ metric, labels: {} }], all: [] },
    services: where,
    alerts: 7,
    dashboards: [{ id: `${id}/overview`, title: `${title} service`, panels: 9 }],
    verified: id === 'pack-3' ? 'reference' : 'real',
  });
  const others = Array.from({ length: 60 }, (_, i) =>
    pack(`pack-${i}`, `Technology ${i}`, 'exporter', `technology_${i}_info`, []),
  );
  return {
    packs: [pack('flask', 'Flask', 'framework', 'flask_exporter_info', found), ...others],
    services,
    judged: true,
  };
}
