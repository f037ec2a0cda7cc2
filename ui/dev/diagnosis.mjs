// Entities, assertions and incidents of the made-up shop, and of generated companies of any size.
import { errorRatio, FAULT, latency, rate, SHOP } from './world.mjs';

const seconds = () => Date.now() / 1000;
const iso = (t) => new Date(t * 1000).toISOString();
const percent = (ratio) => `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %`;

/** How many entities a mode has; the others show the shop. */
const SIZES = { many: 60, grouped: 300, crowd: 2_000 };
const QUIET = new Set(['calm', 'empty']);

export function idOf({ type, name, scope }) {
  const labels = Object.entries(scope).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return labels.length === 0 ? `${type}/${name}` : `${type}/${name}{${labels.sort().join(',')}}`;
}
const ref = (type, name, scope = {}) => ({ type, name, scope });
const DEPLOY = FAULT.slow - 180;

/** The shop's assertions, as `/api/v1/assertions` has them. */
function shopAssertions(mode) {
  if (QUIET.has(mode)) return pastAssertions();
  const of = (entity, name, category, severity, onset, since, more) => ({
    id: `${idOf(entity)}/${name}`,
    entity,
    name,
    category,
    severity,
    since: iso(since),
    onset: iso(onset),
    end: null,
    kpi: null,
    unit: null,
    value: null,
    usual: null,
    limit: null,
    query: null,
    ...more,
  });
  const now = seconds();
  const kpi = (entity, kpiName, unit, value, usual, limit = null) => ({
    kpi: kpiName,
    unit,
    value,
    usual,
    limit,
    query: kpiQuery(entity, kpiName),
  });
  const service = (name) => ref('service', name);
  const list = [
    of(service('payments'), 'version_changed', 'amend', 'info', DEPLOY, DEPLOY, {
      end: iso(DEPLOY + 120),
      sentence: 'Version 1.0.1 after 1.0.0, on 2 of 2 instances',
    }),
    of(service('payments'), 'latency_breach', 'error', 'critical', FAULT.slow, FAULT.slow + 35, {
      sentence: '95 % of requests take up to 3.1 s, usually 180 ms',
      ...kpi(service('payments'), 'latency_p95', 's', latency('payments', 0.95, now), 0.18, 1),
    }),
    of(
      service('payments'),
      'error_ratio_breach',
      'error',
      'critical',
      FAULT.failing,
      FAULT.failing + 30,
      {
        sentence: 'Errors 28 %, usually 0.1 %',
        ...kpi(
          service('payments'),
          'error_ratio',
          'percentunit',
          errorRatio('payments', now),
          0.001,
          0.05,
        ),
      },
    ),
    of(service('cart'), 'latency_anomaly', 'anomaly', 'warning', FAULT.slow + 12, FAULT.slow + 60, {
      sentence: '95 % of requests take up to 640 ms, usually 55 ms',
      ...kpi(service('cart'), 'latency_p95', 's', latency('cart', 0.95, now), 0.055),
    }),
    of(
      service('cart'),
      'error_ratio_breach',
      'error',
      'warning',
      FAULT.failing + 8,
      FAULT.failing + 40,
      {
        sentence: 'Errors 19 %, usually 0.1 %',
        ...kpi(service('cart'), 'error_ratio', 'percentunit', errorRatio('cart', now), 0.001, 0.05),
      },
    ),
    of(
      service('storefront'),
      'error_ratio_breach',
      'error',
      'critical',
      FAULT.failing + 20,
      FAULT.failing + 50,
      {
        sentence: 'Errors 14 %, usually 0.1 %',
        ...kpi(
          service('storefront'),
          'error_ratio',
          'percentunit',
          errorRatio('storefront', now),
          0.001,
          0.05,
        ),
      },
    ),
    of(
      ref('route', 'POST /charge', { service: 'payments' }),
      'error_ratio_breach',
      'error',
      'critical',
      FAULT.failing,
      FAULT.failing + 30,
      { sentence: 'Errors 41 %, usually 0.2 %' },
    ),
    of(
      ref('database', 'orders'),
      'saturation_connections',
      'saturation',
      'warning',
      FAULT.slow - 20,
      FAULT.slow + 5,
      {
        sentence: 'Connections 92 % used, usually 31 %',
        ...kpi(ref('database', 'orders'), 'saturation:connections', 'percentunit', 0.92, 0.31, 0.8),
      },
    ),
    of(
      ref('host', 'web-1'),
      'disk_filling',
      'saturation',
      'warning',
      seconds() - 86_400 * 3,
      seconds() - 86_400 * 3,
      { sentence: 'The disk is 81 % full, and was three days ago' },
    ),
  ];
  return [...list, ...pastAssertions()];
}

function pastAssertions() {
  const end = FAULT.slow - 9_000;
  return [
    {
      id: 'past-1',
      entity: ref('service', 'cart'),
      name: 'request_rate_anomaly',
      category: 'anomaly',
      severity: 'warning',
      since: iso(end - 1_500),
      onset: iso(end - 1_560),
      end: iso(end),
      kpi: 'request_rate',
      unit: 'reqps',
      value: 71,
      usual: 31,
      limit: null,
      sentence: 'Requests 71 /s, usually 31 /s at this hour',
      query: kpiQuery(ref('service', 'cart'), 'request_rate'),
    },
    {
      id: 'past-2',
      entity: ref('queue', 'mails'),
      name: 'consumer_gone',
      category: 'failure',
      severity: 'critical',
      since: iso(end - 900),
      onset: iso(end - 905),
      end: iso(end - 300),
      kpi: null,
      unit: null,
      value: null,
      usual: null,
      limit: null,
      sentence: 'No consumer, 2 until 5 min before',
      query: null,
    },
  ];
}

const kpiQuery = ({ type, name }, kpi) =>
  `pyrometer:kpi{kpi="${kpi}",entity_type="${type}",entity="${name}"}`;

/** What a KPI's query is answered with; null for other queries. */
export function evaluateKpi(expr, t) {
  const found = /^pyrometer:kpi\{kpi="([^"]+)",entity_type="([^"]+)",entity="([^"]+)"/.exec(expr);
  if (found === null) return null;
  const [, kpi, type, name] = found;
  const value = kpiValue(kpi, type, name, t);
  return value === null ? [] : [[{ kpi, entity_type: type, entity: name }, value]];
}

function kpiValue(kpi, type, name, t) {
  if (type === 'service' && name in SHOP) {
    if (kpi === 'request_rate') return rate(name, t);
    if (kpi === 'error_ratio') return errorRatio(name, t);
    if (kpi === 'latency_p95') return latency(name, 0.95, t);
    if (kpi === 'latency_average') return latency(name, 0.5, t);
  }
  const wobble = 0.5 + 0.5 * Math.sin(t / 97 + name.length + kpi.length);
  if (kpi.startsWith('saturation')) {
    const fault = name === 'orders' && t > FAULT.slow - 20 && t < FAULT.ends ? 0.58 : 0;
    return 0.31 + 0.05 * wobble + fault;
  }
  if (kpi === 'error_ratio') return 0.001 * wobble;
  if (kpi.startsWith('latency')) return 0.02 + 0.01 * wobble;
  return 20 + 8 * wobble;
}

function shop(mode) {
  const entities = [];
  const relations = [];
  const add = (type, name, scope = {}, properties = {}) => {
    const entity = { ...ref(type, name, scope), properties };
    entities.push({ ...entity, id: idOf(entity), state: 'good', assertions: [] });
    return idOf(entity);
  };
  const relate = (type, from, to, traffic = {}) => relations.push({ type, from, to, ...traffic });
  const now = seconds();
  const ids = {};
  for (const [name, { routes }] of Object.entries(SHOP)) {
    ids[name] = add('service', name, {}, { framework: 'flask', version: '1.0.1' });
    for (const port of [1, 2]) {
      const instance = add('instance', `127.0.0.1:80${port}${name.length}`, { job: name });
      relate('instance_of', instance, ids[name]);
      relate('runs_on', instance, 'host/web-1');
    }
    for (const path of routes) {
      const method = path === '/charge' || path === '/checkout' ? 'POST' : 'GET';
      relate('part_of', add('route', `${method} ${path}`, { service: name }), ids[name]);
    }
  }
  const calls = (from, to, share) =>
    relate('calls', ids[from], ids[to], {
      rate: rate(from, now) * share,
      error_ratio: errorRatio(to, now),
      latency_seconds: latency(to, 0.5, now),
    });
  calls('storefront', 'cart', 0.7);
  calls('storefront', 'payments', 0.1);
  calls('cart', 'payments', 0.2);
  add('host', 'web-1', {}, { os: 'Debian 12', cores: '4' });
  const flow = (type, from, to, perSecond, seconds_) =>
    relate(type, from, to, { rate: perSecond, error_ratio: 0, latency_seconds: seconds_ });
  flow(
    'reads_from',
    ids.payments,
    add('database', 'orders', {}, { engine: 'PostgreSQL' }),
    22,
    0.9,
  );
  flow('reads_from', ids.cart, add('cache', 'baskets', {}, { engine: 'Redis' }), 96, 0.0004);
  flow(
    'calls',
    ids.payments,
    add('external', 'api.bank.example', {}, { address: ':443' }),
    8,
    0.21,
  );
  flow(
    'produces_to',
    ids.storefront,
    add('queue', 'mails', {}, { engine: 'RabbitMQ' }),
    1.4,
    0.002,
  );
  const mailer = add('service', 'mailer');
  flow('consumes_from', mailer, 'queue/mails', 1.4, 0.04);
  relate('runs_on', mailer, 'host/web-1');
  return { entities, relations, assertions: shopAssertions(mode) };
}

const HIT = [
  ['error_ratio_breach', 'error', 'critical', 'Errors 31 %, usually 0.2 %'],
  ['latency_anomaly', 'anomaly', 'warning', '95 % of requests take up to 2.4 s, usually 120 ms'],
  ['saturation_memory', 'saturation', 'warning', 'Memory 93 % used, usually 61 %'],
  ['instance_down', 'failure', 'critical', 'One instance of four does not answer'],
  ['version_changed', 'amend', 'info', 'Version 4.2.0 after 4.1.9'],
];
const AREAS = ['shop', 'search', 'billing', 'mail', 'auth', 'stock', 'ads', 'data', 'ops', 'web'];

/** A company of `size` entities: services in namespaces, their instances, databases, hosts. */
function company(size) {
  const entities = [];
  const relations = [];
  const assertions = [];
  const add = (type, name, scope, properties = {}) => {
    const entity = { ...ref(type, name, scope), properties };
    entities.push({ ...entity, id: idOf(entity), state: 'good', assertions: [] });
    return entities.at(-1);
  };
  const parts = size > 100 ? 0.2 : 0;
  const services = Math.round(size * (parts > 0 ? 0.34 : 0.62));
  const stores = Math.round(size * (parts > 0 ? 0.16 : 0.2));
  const hosts = Math.round(size * (parts > 0 ? 0.1 : 0.18));
  const areas = AREAS.slice(0, Math.max(2, Math.min(AREAS.length, Math.round(size / 40))));
  const at = (i) => ({ namespace: areas[i % areas.length] });
  const made = Array.from({ length: services }, (_, i) =>
    add(
      'service',
      `${areas[i % areas.length]}-${['api', 'worker', 'edge', 'feed'][i % 4]}-${i}`,
      at(i),
      {
        framework: ['flask', 'fastapi', 'django'][i % 3],
      },
    ),
  );
  const kept = Array.from({ length: stores }, (_, i) =>
    add(['database', 'cache', 'queue'][i % 3], `${['pg', 'redis', 'rabbit'][i % 3]}-${i}`, at(i)),
  );
  const below = Array.from({ length: hosts }, (_, i) => add('host', `node-${i}`, {}));
  const relate = (type, from, to, rate_) =>
    relations.push({
      type,
      from: from.id,
      to: to.id,
      ...(rate_ !== undefined && { rate: rate_, error_ratio: 0.0005, latency_seconds: 0.012 }),
    });
  made.forEach((service, i) => {
    // Later ones are called by earlier ones: layers, without rings.
    for (const step of [1, 3, 7]) {
      const other = made[i + step * areas.length] ?? made[i + step];
      if (other !== undefined && (i * step) % 3 !== 1)
        relate('calls', service, other, 40 / (1 + (i % 9)));
    }
    if (kept.length > 0) relate('reads_from', service, kept[i % kept.length], 12);
    relate('runs_on', service, below[i % below.length]);
  });
  for (let i = 0; entities.length < size; i += 1) {
    const service = made[i % made.length];
    const instance = add('instance', `10.0.${i % 250}.${i % 9}:8000`, { job: service.name });
    relate('instance_of', instance, service);
    relate('runs_on', instance, below[i % below.length]);
  }
  const wrong = Math.max(18, Math.min(200, Math.round(size / 10)));
  const now = seconds();
  for (let i = 0; i < wrong; i += 1) {
    const entity = entities[(i * 37) % entities.length];
    const [name, category, severity, sentence] = HIT[(i * 3) % HIT.length];
    const since = now - 300 - ((i * 991) % 5_000);
    assertions.push({
      id: `made-${i}`,
      entity: { type: entity.type, name: entity.name, scope: entity.scope },
      name,
      category,
      severity,
      since: iso(since + 30),
      onset: iso(since),
      end: i % 4 === 3 ? iso(since + 600) : null,
      kpi: 'error_ratio',
      unit: 'percentunit',
      value: 0.31,
      usual: 0.002,
      limit: 0.05,
      sentence,
      query: kpiQuery(entity, 'error_ratio'),
    });
  }
  return { entities, relations, assertions };
}

const made = new Map();
function world(mode) {
  if (mode === 'empty') return { entities: [], relations: [], assertions: [] };
  const size = SIZES[mode];
  if (size === undefined) return withStates(shop(mode));
  if (!made.has(mode)) made.set(mode, withStates(company(size)));
  return made.get(mode);
}

function withStates({ entities, relations, assertions }) {
  const rank = { good: 0, unknown: 0, info: 0, warning: 1, critical: 2 };
  const byId = new Map(entities.map((entity) => [entity.id, entity]));
  for (const { entity: key, name, category, severity, since, end, sentence } of assertions) {
    const entity = byId.get(idOf(key));
    if (entity === undefined || end !== null) continue;
    entity.assertions.push({ name, category, severity, since, sentence });
    if (rank[severity] > rank[entity.state]) entity.state = severity;
  }
  return { entities, relations, assertions };
}

export function graph(query, mode) {
  const { entities, relations } = world(mode);
  const time = Number(query.get('time') ?? seconds());
  // Before the fault everything was well.
  const before = time < FAULT.slow - 30 && mode !== 'crowd';
  return {
    time: iso(time),
    entities: before
      ? entities.map((entity) => ({ ...entity, state: 'good', assertions: [] }))
      : entities,
    relations,
    truncated: false,
  };
}

const KPIS = {
  service: [
    ['request_rate', 'reqps', 'steady'],
    ['error_ratio', 'percentunit', 'low'],
    ['latency_p95', 's', 'low'],
    ['latency_average', 's', 'low'],
    ['saturation:memory', 'percentunit', 'low'],
  ],
  host: [
    ['saturation:cpu', 'percentunit', 'low'],
    ['saturation:memory', 'percentunit', 'low'],
    ['saturation:disk', 'percentunit', 'low'],
  ],
  database: [
    ['request_rate', 'reqps', 'steady'],
    ['saturation:connections', 'percentunit', 'low'],
  ],
};

export function entity(query, mode) {
  const { entities, relations } = world(mode);
  const found = entities.find(
    ({ type, name, scope }) =>
      type === query.get('type') &&
      name === query.get('name') &&
      Object.entries(scope).every(([label, value]) => query.get(label) === value),
  );
  if (found === undefined) return null;
  const own = relations.filter(({ from, to }) => from === found.id || to === found.id);
  const near = new Set(own.flatMap(({ from, to }) => [from, to]));
  const kpis = KPIS[found.type] ?? [['request_rate', 'reqps', 'steady']];
  return {
    entity: found,
    relations: own,
    neighbours: entities.filter(({ id }) => id !== found.id && near.has(id)),
    kpis: kpis.map(([name, unit, good]) => ({
      name,
      unit,
      good,
      query: kpiQuery(found, name),
      value: kpiValue(name, found.type, found.name, seconds()),
    })),
    dashboards:
      found.type === 'service'
        ? [
            { pack: 'flask', id: 'flask/overview', title: 'Flask', job: found.name },
            { pack: 'python', id: 'python/runtime', title: 'Python runtime', job: found.name },
          ]
        : [],
    why: [
      { rule: `${found.type} from the label job`, series: `up{job="${found.name}"}` },
      { rule: 'outgoing calls', series: `pyrometer_client_requests_total{peer="${found.name}"}` },
    ],
  };
}

export function entities(query, mode) {
  const wanted = (query.get('search') ?? '').toLowerCase();
  const found = world(mode).entities.filter(({ name }) => name.toLowerCase().includes(wanted));
  return { entities: found.slice(0, 50), search: { understood: [`name contains ${wanted}`] } };
}

export function assertions(query, mode) {
  const [start, end] = ['start', 'end'].map((name) => Number(query.get(name)));
  const wanted = query.get('entity');
  const at = (time) => Date.parse(time) / 1000;
  return {
    assertions: world(mode).assertions.filter(
      (one) =>
        (wanted === null || idOf(one.entity) === wanted) &&
        at(one.onset) <= end &&
        (one.end === null || at(one.end) >= start),
    ),
  };
}

export function changes(mode) {
  if (mode === 'empty') return { changes: [] };
  return {
    changes: [
      {
        service: 'payments',
        version: '1.0.1',
        title: 'Deploy 1.0.1: new card form',
        time: iso(DEPLOY),
        link: 'https://git.example/shop/compare/1.0.0...1.0.1',
      },
    ],
  };
}

// What was done to incidents while the server runs.
const acts = { acknowledged: new Map(), resolved: new Map(), comments: new Map() };

const term = (name, value, sentence) => ({ name, value, sentence });

function shopIncident() {
  const payments = ref('service', 'payments');
  const cart = ref('service', 'cart');
  const storefront = ref('service', 'storefront');
  const orders = ref('database', 'orders');
  const charge = ref('route', 'POST /charge', { service: 'payments' });
  const evidence = (entity, kpi, unit, onset, value, usual, sentence) => ({
    sentence,
    query: kpiQuery(entity, kpi),
    kpi,
    unit,
    onset: iso(onset),
    value,
    usual,
  });
  const id = 'inc-20261127-1';
  const now = seconds();
  const resolved = acts.resolved.get(id) ?? null;
  return {
    id,
    title: 'payments is slow and fails; cart and storefront suffer',
    severity: 'critical',
    state: resolved === null ? 'open' : 'resolved',
    acknowledged_by: acts.acknowledged.get(id) ?? null,
    start: iso(FAULT.slow),
    end: resolved,
    impact: { services: 3, routes: 5, requests: 4_210, ratio: 0.174 },
    members: [payments, cart, storefront, charge, orders],
    suspects: [
      {
        entity: payments,
        score: 8.4,
        terms: [
          term('severity', 3.2, 'A critical error: 28 % of its requests fail'),
          term('onset', 2.1, 'It was the first to turn, 12 s before cart'),
          term('explains', 1.6, 'cart and storefront both call it'),
          term('change', 1.2, 'Version 1.0.1 came 3 min before'),
          term('new', 0.3, 'It was well for the 24 h before'),
        ],
        evidence: [
          evidence(
            payments,
            'error_ratio',
            'percentunit',
            FAULT.failing,
            errorRatio('payments', now),
            0.001,
            'Errors 28 %, usually 0.1 %',
          ),
          evidence(
            payments,
            'latency_p95',
            's',
            FAULT.slow,
            latency('payments', 0.95, now),
            0.18,
            '95 % of requests take up to 3.1 s, usually 180 ms',
          ),
        ],
      },
      {
        entity: orders,
        score: 5.1,
        terms: [
          term('severity', 1.4, 'A warning: connections are 92 % used'),
          term('onset', 2.4, 'It turned 20 s before payments'),
          term('explains', 1.0, 'payments reads from it'),
          term('new', 0.3, 'It was well for the 24 h before'),
        ],
        evidence: [
          evidence(
            orders,
            'saturation:connections',
            'percentunit',
            FAULT.slow - 20,
            0.92,
            0.31,
            'Connections 92 % used, usually 31 %',
          ),
        ],
      },
      {
        entity: cart,
        score: 2.9,
        terms: [
          term('severity', 2.0, 'A warning: 19 % of its requests fail'),
          term('onset', 0.6, 'It turned 12 s after payments'),
          term('explains', 0.3, 'storefront calls it'),
        ],
        evidence: [
          evidence(
            cart,
            'error_ratio',
            'percentunit',
            FAULT.failing + 8,
            errorRatio('cart', now),
            0.001,
            'Errors 19 %, usually 0.1 %',
          ),
        ],
      },
    ],
  };
}

function shopTimeline(id) {
  const event = (t, kind, text, more = {}) => ({ time: iso(t), kind, text, ...more });
  const rows = shopAssertions('lively')
    .filter(({ end, name }) => end === null && name !== 'disk_filling')
    .map(({ entity: key, onset, category, severity, sentence }) =>
      event(Date.parse(onset) / 1000, 'assertion', sentence, { entity: key, category, severity }),
    );
  rows.push(
    event(DEPLOY, 'change', 'Deploy 1.0.1: new card form', {
      entity: ref('service', 'payments'),
      category: 'amend',
    }),
    event(FAULT.slow + 60, 'state', 'The incident was opened'),
    event(FAULT.failing + 60, 'alert', 'FlaskErrorRatioHigh fires', {
      entity: ref('service', 'payments'),
      severity: 'critical',
    }),
    event(
      FAULT.failing + 70,
      'notification',
      'Told team-shop/slack[0]: payments is slow and fails',
    ),
    ...(acts.comments.get(id) ?? []),
  );
  return rows.sort((a, b) => (a.time < b.time ? -1 : 1));
}

const PAST = [
  [
    'The queue mails had no consumer',
    'critical',
    'queue',
    'mails',
    'No consumer, 2 until 5 min before',
  ],
  [
    'Requests to cart doubled for half an hour',
    'warning',
    'service',
    'cart',
    'Requests 71 /s, usually 31 /s',
  ],
  ['The disk of web-1 was nearly full', 'warning', 'host', 'web-1', 'The disk was 93 % full'],
  [
    'storefront was slow after a deploy',
    'warning',
    'service',
    'storefront',
    'p95 1.4 s, usually 110 ms',
  ],
];

function pastIncidents(count) {
  return Array.from({ length: count }, (_, i) => {
    const [title, severity, type, name, sentence] = PAST[i % PAST.length];
    const start = FAULT.slow - 9_000 - i * 11_000;
    const entityRef = ref(type, name);
    return {
      id: `inc-past-${i}`,
      title,
      severity,
      state: 'resolved',
      acknowledged_by: i % 3 === 0 ? 'Noor' : null,
      start: iso(start - 900),
      end: iso(start - 300 + (i % 5) * 60),
      impact: { services: 1 + (i % 3), routes: i % 4, requests: 120 * i, ratio: (i % 7) / 100 },
      members: [entityRef],
      suspects: [
        {
          entity: entityRef,
          score: 4.2,
          terms: [term('severity', 3, sentence), term('onset', 1.2, 'It was the first to turn')],
          evidence: [{ sentence, query: null, kpi: null, unit: null, onset: iso(start - 900) }],
        },
      ],
    };
  });
}

/** What some other team has open, so that lists are long. */
function openIncidents(mode) {
  const count = { many: 8, grouped: 8, crowd: 60 }[mode] ?? 0;
  const hit = world(mode).assertions.filter(({ end }) => end === null);
  return Array.from({ length: count }, (_, i) => {
    const one = hit[(i * 5) % hit.length];
    const start = Date.parse(one.onset) / 1000;
    return {
      id: `inc-open-${i}`,
      title: `${one.entity.name}: ${one.sentence.toLowerCase()}`,
      severity: one.severity === 'info' ? 'warning' : one.severity,
      state: 'open',
      acknowledged_by: i % 4 === 1 ? 'Sam' : null,
      start: iso(start),
      end: null,
      impact: { services: 1 + (i % 5), routes: i % 6, requests: 900, ratio: ((i * 7) % 40) / 100 },
      members: [one.entity],
      suspects: [
        {
          entity: one.entity,
          score: 6,
          terms: [term('severity', 4, one.sentence), term('onset', 2, 'It was the first to turn')],
          evidence: [
            {
              sentence: one.sentence,
              query: one.query,
              kpi: one.kpi,
              unit: one.unit,
              onset: one.onset,
              value: one.value,
              usual: one.usual,
            },
          ],
        },
      ],
    };
  });
}

export function incidents(query, mode) {
  const state = query.get('state') ?? 'open';
  const past = { empty: 0, young: 0, many: 30, crowd: 400 }[mode] ?? 4;
  const all = [
    ...(QUIET.has(mode) || mode in SIZES ? [] : [shopIncident()]),
    ...openIncidents(mode),
    ...pastIncidents(past),
  ];
  const end = Number(query.get('end') ?? seconds());
  const start = Number(query.get('start') ?? 0);
  return {
    incidents: all.filter(
      (one) =>
        (state === 'all' || one.state === state) &&
        Date.parse(one.start) / 1000 <= end &&
        (one.end === null || Date.parse(one.end) / 1000 >= start),
    ),
  };
}

export function incident(id, mode) {
  const query = new URLSearchParams({ state: 'all' });
  const found = incidents(query, mode).incidents.find((one) => one.id === id);
  if (found === undefined) return null;
  const { entities: all, relations } = world(mode);
  const members = new Set(found.members.map(idOf));
  const near = new Set(members);
  for (const { from, to } of relations) {
    if (members.has(from)) near.add(to);
    if (members.has(to)) near.add(from);
  }
  return {
    ...found,
    timeline: id.startsWith('inc-2026')
      ? shopTimeline(id)
      : [
          {
            time: found.start,
            kind: 'assertion',
            entity: found.members[0],
            category: 'error',
            severity: found.severity,
            text: found.suspects[0].evidence[0].sentence,
          },
        ],
    graph: {
      entities: all.filter(({ id: one }) => near.has(one)),
      relations: relations.filter(({ from, to }) => near.has(from) && near.has(to)),
    },
  };
}

/** Does what a reader asked for; null if there is no such incident. */
export function act(id, what, { by, text, into }, mode) {
  if (incident(id, mode) === null) return null;
  const now = iso(seconds());
  const note = (kind, said) => {
    const known = acts.comments.get(id) ?? [];
    acts.comments.set(id, [...known, { time: now, kind, text: said }]);
  };
  if (what === 'acknowledge') {
    acts.acknowledged.set(id, by);
    note('state', `${by} looks after it`);
  } else if (what === 'resolve') {
    acts.resolved.set(id, now);
    note('state', `${by} resolved it`);
  } else if (what === 'comment') note('comment', `${by}: ${text}`);
  else if (what === 'merge') note('state', `${by} made it a part of ${into}`);
  else if (what === 'split') note('state', `${by} split it`);
  return {};
}

export function postmortem(id, mode) {
  const found = incident(id, mode);
  if (found === null) return null;
  const rows = found.timeline.map(({ time, kind, text }) => `| ${time} | ${kind} | ${text} |`);
  return [
    `# ${found.title}`,
    '',
    `Severity ${found.severity}, from ${found.start} to ${found.end ?? 'now'}.`,
    '',
    '## Impact',
    '',
    `${found.impact.services} services, ${percent(found.impact.ratio)} of requests.`,
    '',
    '## Timeline',
    '',
    '| time | kind | what |',
    '|---|---|---|',
    ...rows,
    '',
    '## What we will do',
    '',
  ].join('\n');
}
