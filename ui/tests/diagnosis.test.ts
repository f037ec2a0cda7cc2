import { expect, test } from 'vitest';
import { timeMs } from '../src/api/times';
import { boxesOf, GROUPED_MAX, groupSays, LAYERED_MAX } from '../src/diagnosis/boxes';
import { weightOf } from '../src/diagnosis/category';
import {
  entityHref,
  entityId,
  kindCount,
  ownState,
  relationWord,
  scopeIn,
} from '../src/diagnosis/entity';
import {
  arrowAt,
  entityPlaces,
  middleOf,
  nextTowards,
  type Place,
  roundedPath,
  sizeOf,
} from '../src/diagnosis/geometry';
import { because, impactText, inOrder, sharesOf } from '../src/diagnosis/incident';
import { countsOver, filtered, topOf } from '../src/diagnosis/insights';
import { kpiTitle } from '../src/diagnosis/kpi';
import { lanesOf, ticksOf } from '../src/diagnosis/lanes';
import { layered } from '../src/diagnosis/layered';
import {
  type Choice,
  chosenFrom,
  holders,
  neighbourhood,
  nodeState,
  pictureOf,
} from '../src/diagnosis/picture';
import { afterText, flowsOf, onsetsOf, onsetsShown, orderOf } from '../src/diagnosis/propagation';
import { proofRange } from '../src/panels/ProofChart';
import { usualBand } from '../src/panels/usualBand';
import { passes } from '../src/pages/incidents/IncidentsPage';
import { changesOf } from '../src/pages/incidents/Changes';
import { refOf } from '../src/pages/entity/EntityRelations';
import { fitted, zoomedAt } from '../src/parts/viewport';
import {
  assertions,
  at,
  company,
  entities,
  entityOf,
  graph,
  incident,
  incidentDetail,
  ms,
  ref,
  relation,
  resolved,
} from './fixtures/diagnosis';

const NONE: ReadonlySet<string> = new Set();
const choice = (more: Partial<Choice> = {}): Choice => ({
  show: 'trouble',
  focus: '',
  hops: 1,
  hidden: NONE,
  ...more,
});
const names = (nodes: { entity: { name: string } }[]) => nodes.map(({ entity }) => entity.name);

test('a time is RFC 3339 or Unix seconds, and nonsense is none', () => {
  const cases: [string | number | null | undefined, number | null][] = [
    ['2026-11-27T14:00:00Z', Date.UTC(2026, 10, 27, 14)],
    [1_700_000_000, 1_700_000_000_000],
    ['1700000000.5', 1_700_000_000_500],
    ['', null],
    [null, null],
    [undefined, null],
    ['soon', null],
    [0, null],
  ];
  for (const [time, expected] of cases) expect(timeMs(time)).toBe(expected);
});

test('an entity has one id and one address, whatever its labels have in them', () => {
  const odd = ref('route', 'GET /a?b#c', { service: 'a"b', namespace: 'x}y' });
  expect(entityId(odd)).toBe('route/GET /a?b#c{namespace="x}y",service="a\\"b"}');
  expect(refOf(entityId(odd))).toEqual(odd);
  const url = new URL(entityHref(odd), 'http://x');
  expect(url.pathname).toBe('/entities/route/GET%20%2Fa%3Fb%23c');
  expect(scopeIn(url.searchParams)).toEqual(odd.scope);
  const template = ref('route', '/items/{id}', { service: 'cart' });
  expect(refOf(entityId(template))).toEqual(template);
  expect(refOf('route//items/{id}')).toEqual(ref('route', '/items/{id}'));
  expect(refOf('nonsense')).toBeNull();
});

test('kinds and relations are said as people say them', () => {
  const counts: [number, string, string][] = [
    [1, 'host', '1 host'],
    [3, 'database', '3 databases'],
    [2, 'cache', '2 caches'],
    [2, 'process', '2 processes'],
    [4, 'message_queue', '4 message queues'],
    [2, 'gateway', '2 gateways'],
    [2, 'external', '2 external services'],
  ];
  for (const [count, type, said] of counts) expect(kindCount(count, type)).toBe(said);
  expect(relationWord('runs_on', 'to')).toBe('runs');
  expect(relationWord('pages_to', 'from')).toBe('pages to');
  expect(relationWord('constructor', 'from')).toBe('constructor');
  expect(kpiTitle('latency_p99.9')).toBe('99.9 % faster than');
  expect(kpiTitle('saturation:page_cache')).toBe('Page cache used');
  expect(kpiTitle('toString')).toBe('ToString');
});

test('routes and instances are shown in their service, and their state with it', () => {
  const { nodes, edges } = pictureOf(graph, false);
  expect(names(nodes)).not.toContain('POST /charge');
  const payments = nodes.find(({ entity }) => entity.name === 'payments');
  expect(payments?.inside.map(({ name }) => name)).toEqual(['POST /charge']);
  expect(edges.map(({ key }) => key)).not.toContain('route/POST /charge→service/payments');
  expect(names(pictureOf(graph, true).nodes)).toContain('POST /charge');
});

test('what is wrong inside shows on a node that is well itself', () => {
  const service = entityOf(ref('service', 'a'));
  const instance = entityOf(ref('instance', 'i', { job: 'a' }), { state: 'critical' });
  const [node] = pictureOf(
    {
      entities: [service, instance],
      relations: [relation('instance_of', instance.id, 'service/a')],
    },
    false,
  ).nodes;
  expect(node && nodeState(node)).toBe('critical');
});

test('the state has the parts in it, so the outer ring is of the assertions alone', () => {
  const [, , payments] = entities;
  const rolled = entityOf(ref('service', 'a'), { state: 'critical' });
  expect(ownState(rolled, true)).toBe('good');
  expect(ownState(rolled, false)).toBe('critical');
  expect(ownState({ ...rolled, state: 'unknown' }, true)).toBe('unknown');
  expect(payments && ownState(payments, true)).toBe('critical');
});

test('two that are parts of each other, or of themselves, stand for themselves', () => {
  const both = [entityOf(ref('a', 'x')), entityOf(ref('a', 'y'))];
  const ring = [
    relation('part_of', 'a/x', 'a/y'),
    relation('part_of', 'a/y', 'a/x'),
    relation('part_of', 'a/x', 'a/x'),
    relation('part_of', 'a/nowhere', 'a/x'),
  ];
  expect([...holders(both, ring)]).toEqual([
    ['a/x', 'a/x'],
    ['a/y', 'a/y'],
  ]);
});

test('the rate of a relation is not counted again with the rates of its parts', () => {
  const parts = [ref('service', 'a'), ref('service', 'b'), ref('route', 'r', { service: 'b' })];
  const { edges } = pictureOf(
    {
      entities: parts.map((key) => entityOf(key)),
      relations: [
        relation('calls', 'service/a', 'service/b', 10),
        relation('calls', 'service/a', 'route/r{service="b"}', 7),
        relation('part_of', 'route/r{service="b"}', 'service/b'),
      ],
    },
    false,
  );
  expect(edges).toMatchObject([{ rate: 10, types: ['calls'] }]);
});

test('the neighbourhood grows by hops, in both directions', () => {
  const edges = ['a→b', 'b→c', 'd→c'].map((key) => {
    const [from = '', to = ''] = key.split('→');
    return { from, to };
  });
  expect([...neighbourhood(['b'], edges, 0)]).toEqual(['b']);
  expect([...neighbourhood(['b'], edges, 1)].sort()).toEqual(['a', 'b', 'c']);
  expect([...neighbourhood(['b'], edges, 2)].sort()).toEqual(['a', 'b', 'c', 'd']);
});

test('trouble and one hop are shown, all where there is none, and a focus before both', () => {
  const whole = pictureOf(graph, false);
  expect(names(chosenFrom(whole, choice()).nodes)).toHaveLength(6);
  expect(names(chosenFrom(whole, choice({ show: 'errors' })).nodes).sort()).toEqual([
    'cart',
    'payments',
    'storefront',
  ]);
  const focused = chosenFrom(whole, choice({ focus: 'database/orders' }));
  expect(names(focused.nodes).sort()).toEqual(['orders', 'payments']);
  // A part leads to what it is shown in, and is there though its kind is hidden.
  const hidden = choice({
    focus: 'route/POST /charge{service="payments"}',
    hidden: new Set(['service']),
  });
  expect(names(chosenFrom(whole, hidden).nodes)).toContain('payments');
  const calm = pictureOf(
    { ...graph, entities: entities.map((one) => ({ ...one, state: 'good' as const })) },
    false,
  );
  expect(chosenFrom(calm, choice()).nodes).toHaveLength(calm.nodes.length);
});

test('entities have boxes of their own to 60, open groups to 300, closed ones beyond', () => {
  const cases: [number, number, string, boolean][] = [
    [LAYERED_MAX, 4, 'layered', false],
    [LAYERED_MAX + 1, 4, 'grouped', true],
    [GROUPED_MAX, 4, 'grouped', true],
    [GROUPED_MAX + 1, 4, 'collapsed', false],
    [2_000, 10, 'collapsed', false],
    [2_000, 500, 'collapsed', false],
  ];
  for (const [size, places, kind, open] of cases) {
    const boxed = boxesOf(pictureOf(company(size, places), false), NONE);
    expect(boxed.size).toBe(kind);
    expect(boxed.boxes.length).toBeLessThanOrEqual(LAYERED_MAX);
    expect(boxed.boxes.flatMap(({ nodes }) => nodes)).toHaveLength(size);
    expect(boxed.boxes.some((box) => box.open)).toBe(open);
  }
});

test('a group says the worst of its members first, and opens on demand', () => {
  const picture = pictureOf(company(400, 2), false);
  const [group] = boxesOf(picture, NONE).boxes;
  expect(group?.title).toBe('200 services in n0');
  const trouble = boxesOf(picture, NONE).boxes.find(({ state }) => state === 'critical');
  expect(trouble && groupSays(trouble)).toMatch(/^\d+ critical$/);
  expect(trouble?.nodes[0] && nodeState(trouble.nodes[0])).toBe('critical');
  const opened = boxesOf(picture, new Set([group?.id ?? '']));
  expect(opened.boxes.filter(({ open }) => open)).toHaveLength(1);
  expect(group?.id).not.toMatch(/\s/);
});

test('layers go from who calls to whom it calls, and nothing covers anything', () => {
  for (const source of [graph, company(40, 3), company(250, 4), company(2_000, 10)]) {
    const boxed = boxesOf(pictureOf(source, false), NONE);
    const layout = layered(boxed.boxes, boxed.edges, 'LR');
    const places = [...layout.places.values()];
    expect(places).toHaveLength(boxed.boxes.length);
    for (const [i, a] of places.entries()) {
      expect(a.x >= 0 && a.y >= 0).toBe(true);
      expect(a.x + a.width <= layout.width && a.y + a.height <= layout.height).toBe(true);
      for (const b of places.slice(i + 1)) expect(covers(a, b)).toBe(false);
    }
  }
  const { boxes, edges } = boxesOf(pictureOf(graph, false), NONE);
  const { places } = layered(boxes, edges, 'LR');
  const x = (id: string) => places.get(id)?.x ?? Number.NaN;
  expect(x('service/storefront')).toBeLessThan(x('service/cart'));
  expect(x('service/cart')).toBeLessThan(x('service/payments'));
});

const covers = (a: Place, b: Place) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test('what has no relations stands in rows, not in one column', () => {
  const alone = Array.from({ length: 30 }, (_, i) => entityOf(ref('host', `h${i}`)));
  const { boxes } = boxesOf(pictureOf({ entities: alone, relations: [] }, false), NONE);
  const { width, height } = layered(boxes, [], 'LR');
  expect(width).toBeGreaterThan(600);
  expect(height).toBeLessThan(1_000);
  expect(layered([], [], 'LR').places.size).toBe(0);
});

test('members of an open group stand inside it, the arrow keys reach them', () => {
  const { boxes, edges } = boxesOf(pictureOf(company(100, 2), false), NONE);
  const { places } = layered(boxes, edges, 'LR');
  const found = entityPlaces(boxes, places);
  for (const box of boxes) {
    const place = places.get(box.id);
    const size = sizeOf(box);
    for (const { entity } of box.nodes) {
      const cell = found.get(entity.id);
      if (place === undefined || cell === undefined) throw new Error(`${entity.id} has no place`);
      expect(cell.x + cell.width).toBeLessThanOrEqual(place.x + size.width);
      expect(cell.y + cell.height).toBeLessThanOrEqual(place.y + size.height);
    }
  }
});

test('arrows go to what is connected before what is near, and stop at the rim', () => {
  const box = (x: number, y: number): Place => ({ x, y, width: 10, height: 10 });
  const places = new Map([
    ['a', box(0, 0)],
    ['near', box(30, 0)],
    ['linked', box(60, 20)],
    ['below', box(0, 50)],
  ]);
  const edges = [{ from: 'a', to: 'linked' }];
  expect(nextTowards(places, edges, 'a', 'right')).toBe('linked');
  expect(nextTowards(places, [], 'a', 'right')).toBe('near');
  expect(nextTowards(places, edges, 'a', 'down')).toBe('below');
  expect(nextTowards(places, edges, 'a', 'left')).toBeNull();
  expect(nextTowards(places, edges, 'nowhere', 'left')).toBeNull();
});

test('lines are drawn whatever their points', () => {
  const point = (x: number, y: number) => ({ x, y });
  expect(roundedPath([])).toBe('');
  expect(roundedPath([point(0, 0), point(10, 0)])).toBe('M0 0L10 0');
  expect(roundedPath([point(0, 0), point(5, 5), point(10, 0)])).toBe('M0 0Q5 5 10 0');
  expect(middleOf([point(0, 0), point(10, 0), point(10, 10)])).toEqual(point(10, 0));
  expect(middleOf([])).toEqual(point(0, 0));
  expect(arrowAt([point(0, 0), point(10, 0)], 4)).toBe('10.0,0.0 6.0,-2.0 6.0,2.0');
  expect(arrowAt([point(1, 1)], 4)).toBe('');
});

test('zooming holds what is under the pointer; fitting never enlarges', () => {
  const view = zoomedAt({ x: 10, y: 20, scale: 1 }, 2, 110, 120);
  expect(view).toEqual({ scale: 2, x: -90, y: -80 });
  expect(zoomedAt(view, 1e9, 0, 0).scale).toBe(2);
  expect(fitted({ width: 400, height: 400 }, { width: 100, height: 100 }, 0.6)).toEqual({
    scale: 1,
    x: 150,
    y: 150,
  });
  const far = fitted({ width: 100, height: 100 }, { width: 1000, height: 100 }, 0.6, {
    x: 900,
    y: 50,
  });
  expect(far.scale).toBe(0.6);
  expect(900 * far.scale + far.x).toBeGreaterThan(0);
  expect(900 * far.scale + far.x).toBeLessThanOrEqual(100);
});

test('trouble goes along edges from who was hit first to who was hit later', () => {
  const { edges } = pictureOf(graph, false);
  const holder = holders(graph.entities, graph.relations);
  const onsets = onsetsShown(onsetsOf(incidentDetail), holder);
  expect(orderOf(onsets)).toEqual([
    { id: 'service/payments', afterMs: 0 },
    { id: 'service/cart', afterMs: 12_000 },
    { id: 'service/storefront', afterMs: 32_000 },
  ]);
  const flows = flowsOf(edges, onsets);
  expect([...flows.values()]).toEqual([
    { from: 'service/cart', to: 'service/storefront', afterMs: 20_000 },
    { from: 'service/payments', to: 'service/cart', afterMs: 12_000 },
  ]);
});

test('a change is no onset, and two at one moment give no arrow', () => {
  const onsets = onsetsOf({
    suspects: [],
    timeline: [
      { time: at(-180), kind: 'change', entity: ref('service', 'cart'), text: 'deploy' },
      { time: at(5), kind: 'alert', entity: ref('service', 'cart'), text: 'fires' },
      { time: at(5), kind: 'alert', entity: ref('service', 'payments'), text: 'fires' },
      { time: 'nonsense', kind: 'alert', entity: ref('service', 'x'), text: 'fires' },
    ],
  });
  expect([...onsets]).toEqual([
    ['service/cart', ms(5)],
    ['service/payments', ms(5)],
  ]);
  expect(flowsOf(pictureOf(graph, false).edges, onsets).size).toBe(0);
});

test('how much later is said to the second, and beyond an hour to the minute', () => {
  const cases: [number, string][] = [
    [400, '+0 s'],
    [12_000, '+12 s'],
    [120_000, '+2 min'],
    [200_000, '+3 min 20 s'],
    [3_600_000, '+1 h'],
    [5_400_000, '+1 h 30 min'],
  ];
  for (const [after, text] of cases) expect(afterText(after)).toBe(text);
});

test('lanes come heaviest first, cut to the time, and no stretch covers another', () => {
  const span = { startMs: ms(-600), endMs: ms(600) };
  const lanes = lanesOf(assertions, span, 0.02);
  expect(lanes.map(({ entity }) => entity.name)).toEqual(['payments', 'web-1']);
  const many = Array.from({ length: 40 }, (_, i) => ({
    ...assertions[0]!,
    id: `m-${i}`,
    onset: at(i * 13 - 300),
    end: at(i * 13 - 200 + (i % 7) * 20),
  }));
  const [lane] = lanesOf(many, span, 0.02);
  for (const stretch of lane?.stretches ?? []) {
    expect(stretch.left).toBeGreaterThanOrEqual(0);
    expect(stretch.left + stretch.width).toBeLessThanOrEqual(1 + 1e-9);
  }
  expect(lane?.tracks).toBeLessThanOrEqual(6);
  expect(lanesOf(assertions, { startMs: ms(5_000), endMs: ms(6_000) }, 0.02)).toHaveLength(1);
  expect(lanesOf([{ ...assertions[0]!, since: 'never', onset: null }], span, 0.02)).toEqual([]);
});

test('ticks are round and inside the time', () => {
  const { at: ticks, step } = ticksOf({ startMs: ms(10), endMs: ms(3_610) }, 6);
  expect(step).toBe(600_000);
  expect(ticks.every((tick) => tick % 60_000 === 0 && tick >= ms(10) && tick <= ms(3_610))).toBe(
    true,
  );
  expect(ticksOf({ startMs: ms(0), endMs: ms(0) }, 6).at.length).toBeLessThanOrEqual(1);
});

test('insights are filtered, counted over time, and ranked', () => {
  const all = { categories: NONE, severities: NONE, kinds: NONE, text: '' };
  expect(filtered(assertions, all)).toHaveLength(2);
  expect(filtered(assertions, { ...all, categories: new Set(['error']) })).toHaveLength(1);
  expect(filtered(assertions, { ...all, kinds: new Set(['host']) })).toHaveLength(1);
  expect(filtered(assertions, { ...all, text: ' DISK ' })).toHaveLength(1);
  expect(filtered(assertions, { ...all, severities: new Set(['info']) })).toEqual([]);
  const span = { startMs: ms(-600), endMs: ms(600) };
  const counts = countsOver(assertions, span, 12);
  expect(counts.map(({ error }) => error)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  expect(counts.map(({ saturation }) => saturation)).toEqual([0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  const [first] = topOf(lanesOf(assertions, span, 0.02));
  expect(first).toMatchObject({ counts: [['error', 1]], heaviest: { id: 'a-1' } });
  expect(weightOf({ category: 'failure', severity: 'critical' })).toBe(5);
});

test('incidents are in order: open ones, the worst of them; then those that ended last', () => {
  const warning = { ...incident, id: 'w', severity: 'warning' as const };
  const older = { ...resolved, id: 'o', end: at(-9_000) };
  const sorted = [older, resolved, warning, incident].sort(inOrder);
  expect(sorted.map(({ id }) => id)).toEqual(['i-1', 'w', 'i-0', 'o']);
});

test('an incident is said in a few words, and what is unknown is left out', () => {
  expect(impactText(incident.impact)).toBe('3 services, 1 route, 17.4\u00a0% of requests');
  expect(impactText({ services: 0, routes: 0, requests: null, ratio: null })).toBe('');
  const [payments, cart] = incident.suspects;
  expect(payments && because(payments)).toBe('Errors 28 %, usually 0.1 %');
  expect(cart && because(cart)).toBe('19 % of its requests fail');
  expect(payments && sharesOf(payments, 11).map(({ share }) => share)).toEqual([
    3.2 / 11,
    2.3 / 11,
  ]);
  expect(cart && sharesOf(cart, 0)[0]?.share).toBe(0);
});

test('incidents are filtered by state, severity and words', () => {
  const any = { state: '', severity: '', text: '' };
  expect(passes(incident, any)).toBe(true);
  expect(passes(incident, { ...any, state: 'unacknowledged' })).toBe(true);
  expect(passes(resolved, { ...any, state: 'unacknowledged' })).toBe(false);
  expect(passes(resolved, { ...any, text: 'NOOR' })).toBe(true);
  expect(passes(incident, { ...any, text: 'nobody' })).toBe(false);
  expect(passes(incident, { ...any, severity: 'warning' })).toBe(false);
});

test('a change told by API and seen in the timeline is one, and its link is safe', () => {
  const told = [
    {
      service: 'payments',
      title: 'Deploy',
      version: '1.0.1',
      time: at(-180),
      link: 'javascript:x',
    },
    { service: 'cart', title: 'Config', time: at(-60), link: 'https://git.example/1' },
  ];
  expect(changesOf(told, incidentDetail.timeline)).toEqual([
    { atMs: ms(-60), service: 'cart', title: 'Config', link: 'https://git.example/1' },
    { atMs: ms(-180), service: 'payments', title: 'Deploy (1.0.1)', link: null },
  ]);
});

test('a proof shows what was usual before, and the usual band is of before the onset', () => {
  const [from, to] = proofRange(ms(0), null, ms(600));
  expect(from).toBe(ms(-1_200));
  expect(to).toBe(ms(600));
  const [, over] = proofRange(ms(0), ms(600), ms(90_000));
  expect(over).toBeGreaterThan(ms(600));
  const times = Array.from({ length: 40 }, (_, i) => i);
  const values = times.map((i) => (i < 30 ? i % 10 : 100));
  expect(usualBand(times, values, 30)).toEqual({ low: 0, high: 9 });
  expect(usualBand(times, values, 5)).toBeNull();
  expect(usualBand(times, values, null)).toBeNull();
});
