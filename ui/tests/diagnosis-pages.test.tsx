import { cleanup, configure, fireEvent, render, screen, within } from '@testing-library/preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EntityPage } from '../src/pages/entity/EntityPage';
import { GraphPage } from '../src/pages/graph/GraphPage';
import { HomePage } from '../src/pages/home/HomePage';
import { IncidentPage } from '../src/pages/incidents/IncidentPage';
import { IncidentsPage } from '../src/pages/incidents/IncidentsPage';
import { InsightsPage } from '../src/pages/insights/InsightsPage';
import { followLinks, navigate, path } from '../src/state/url';
import {
  assertions,
  entityDetail,
  graph,
  incident,
  incidentDetail,
  resolved,
} from './fixtures/diagnosis';
import { services } from './fixtures/services';
import { Failure, serve } from './serve';
// Chunks of their own in the browser: here they are there when they are asked for.
import '../src/pages/entity/Kpis';
import '../src/pages/incidents/ActDialog';
import '../src/pages/incidents/Propagation';
import '../src/panels/ChosenAssertion';
import '../src/diagnosis/layered';

// A deadline, not a wait: a busy machine takes its time for a chunk.
configure({ asyncUtilTimeout: 10_000 });
vi.setConfig({ testTimeout: 30_000 });

const INCIDENTS = '/api/v1/incidents';
const GRAPH = '/api/v1/graph';
const ASSERTIONS = '/api/v1/assertions';
const RANGE = 'from=1795788000000&to=1795788600000';

let unfollow = () => {};

beforeEach(() => {
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe = () => {};
      disconnect = () => {};
    },
  );
  vi.setSystemTime(new Date('2026-11-27T14:10:00Z'));
  navigate('/');
  unfollow = followLinks();
});

afterEach(() => {
  cleanup();
  unfollow();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** No text of the data may become an element, and no link may lead to a script. */
function checkHarmless() {
  expect(document.querySelectorAll('script, img, b')).toHaveLength(0);
  for (const link of document.querySelectorAll('a')) {
    expect(link.getAttribute('href')).toMatch(/^(\/|https?:)/);
  }
}

test('Home says what is wrong before it lists the services', async () => {
  serve({ '/api/v1/services': services, [INCIDENTS]: { incidents: [incident] } });
  render(<HomePage />);
  const now = await screen.findByRole('region', { name: 'What is wrong now' });
  within(now).getByRole('heading', { name: '1 incident open' });
  within(now).getByRole('link', { name: /payments fails/ });
  expect(now.textContent).toContain('First suspect payments: Errors 28 %, usually 0.1 %.');
  expect(now.textContent).toContain('Nobody looks after it yet.');
  expect(now.textContent).toContain('Hits 3 services, 1 route');
  checkHarmless();
});

test('Home is calm where nothing is open, and is itself where incidents are unknown', async () => {
  serve({ '/api/v1/services': services, [INCIDENTS]: { incidents: [] } });
  render(<HomePage />);
  await screen.findByText('No incident is open.');
  cleanup();
  serve({ '/api/v1/services': services });
  render(<HomePage />);
  await screen.findByRole('link', { name: /storefront/ });
  expect(screen.queryByText('No incident is open.')).toBeNull();
});

test('the list has the open incident first, filters, and keeps them in the URL', async () => {
  serve({ [INCIDENTS]: { incidents: [resolved, incident] } });
  render(<IncidentsPage />);
  await screen.findByRole('heading', { name: 'Incidents' });
  const rows = screen.getAllByRole('row').slice(1);
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining('payments fails'),
    expect.stringContaining('mails had no consumer'),
  ]);
  within(rows[0] as HTMLElement).getByText('nobody yet');
  within(rows[1] as HTMLElement).getByText('Noor');
  checkHarmless();
  fireEvent.click(screen.getByRole('button', { name: '1 resolved' }));
  expect(window.location.search).toBe('?state=resolved');
  expect(screen.queryByRole('link', { name: /payments fails/ })).toBeNull();
});

test('a list without incidents, and one that failed, say so and what to do', async () => {
  serve({ [INCIDENTS]: { incidents: [] } });
  render(<IncidentsPage />);
  await screen.findByRole('heading', { name: 'No incidents in this time' });
  cleanup();
  serve({ [INCIDENTS]: new Failure(503, 'too many queries at once') });
  render(<IncidentsPage />);
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('Cannot show the incidents. Too many queries at once.');
});

test('an incident says what, why, how it spread, what changed and what happened', async () => {
  serve({
    [`${INCIDENTS}/i-1`]: incidentDetail,
    [ASSERTIONS]: { assertions },
    '/api/v1/changes': { changes: [] },
  });
  render(<IncidentPage id="i-1" />);
  await screen.findByRole('heading', { name: /payments fails/ });
  const why = screen.getByRole('region', { name: 'Why' });
  within(why).getByRole('img', { name: 'Score 5.5: severity 3.2, onset 2.3' });
  within(why).getByText('It was the first to turn');
  expect(within(why).getAllByRole('listitem')).toHaveLength(2);
  const spread = await screen.findByRole('list', { name: /in the order/i });
  expect(
    within(spread)
      .getAllByRole('listitem')
      .map((item) => item.textContent),
  ).toEqual([
    expect.stringContaining('payments'),
    expect.stringMatching(/^\+12 s.*cart/),
    expect.stringMatching(/^\+32 s.*storefront/),
  ]);
  const changed = screen.getByRole('region', { name: 'What changed' });
  expect(changed.textContent).toContain('3 min before it began');
  const members = screen.getByRole('region', { name: 'Members' });
  expect(within(members).getAllByRole('rowheader')).toHaveLength(4);
  checkHarmless();
});

test('the timeline is filtered by kind, in the URL', async () => {
  serve({ [`${INCIDENTS}/i-1`]: incidentDetail, [ASSERTIONS]: { assertions } });
  render(<IncidentPage id="i-1" />);
  const timeline = await screen.findByRole('region', { name: 'Timeline' });
  fireEvent.click(within(timeline).getByRole('button', { name: '1 comment' }));
  expect(window.location.search).toBe('?kind=comment');
  within(timeline).getByText(/Noor: looking/);
  expect(within(timeline).queryByText(/Told team-shop/)).toBeNull();
});

test('to acknowledge one says who one is, and the incident is asked for again', async () => {
  const asked = serve({
    [`${INCIDENTS}/i-1`]: incidentDetail,
    [`${INCIDENTS}/i-1/acknowledge`]: {},
  });
  render(<IncidentPage id="i-1" />);
  fireEvent.click(await screen.findByRole('button', { name: 'Look after it' }));
  const dialog = await screen.findByRole('dialog', { name: 'Look after it' });
  const save = within(dialog).getByRole('button', { name: 'I look after it' });
  expect(save.hasAttribute('disabled')).toBe(true);
  fireEvent.input(within(dialog).getByLabelText('Who you are'), { target: { value: 'Noor' } });
  fireEvent.click(within(dialog).getByRole('button', { name: 'I look after it' }));
  await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(asked).toContain(`${INCIDENTS}/i-1/acknowledge`);
});

test('an action that fails says why and loses nothing that was typed', async () => {
  serve({
    [`${INCIDENTS}/i-1`]: incidentDetail,
    [`${INCIDENTS}/i-1/comment`]: new Failure(400, 'the comment is longer than 10 kB'),
  });
  render(<IncidentPage id="i-1" />);
  fireEvent.click(await screen.findByRole('button', { name: 'Comment' }));
  const dialog = await screen.findByRole('dialog', { name: 'Comment' });
  fireEvent.input(within(dialog).getByLabelText('Who you are'), { target: { value: 'Noor' } });
  fireEvent.input(within(dialog).getByLabelText('Comment'), { target: { value: 'words' } });
  fireEvent.click(within(dialog).getByRole('button', { name: 'Add' }));
  await within(dialog).findByText('The comment is longer than 10 kB.');
  expect(within(dialog).getByLabelText<HTMLTextAreaElement>('Comment').value).toBe('words');
});

test('an incident that is unknown says where to look', async () => {
  serve({});
  render(<IncidentPage id="gone" />);
  await screen.findByRole('heading', { name: 'No incident is called gone' });
});

test('the graph shows what is wrong and one hop, as links that a click looks at', async () => {
  serve({ [GRAPH]: graph, [INCIDENTS]: { incidents: [] } });
  render(<GraphPage />);
  const node = await screen.findByRole('link', { name: /^payments, service: critical/ });
  expect(node.getAttribute('href')).toBe('/entities/service/payments');
  screen.getByText(/3 in trouble/);
  fireEvent.click(node, { detail: 1 });
  const peek = await screen.findByRole('complementary', { name: 'About payments' });
  within(peek).getByText('Errors 28 %, usually 0.1 %');
  within(peek).getByRole('link', { name: 'POST /charge' });
  checkHarmless();
  fireEvent.click(within(peek).getByRole('button', { name: 'Focus on it' }));
  expect(window.location.search).toContain('focus=service%2Fpayments');
});

test('arrows go from node to node, Enter opens, and v has a table', async () => {
  serve({ [GRAPH]: graph });
  render(<GraphPage />);
  const cart = await screen.findByRole('link', { name: /^cart/ });
  cart.focus();
  fireEvent.keyDown(cart, { key: 'ArrowRight' });
  expect(document.activeElement?.getAttribute('data-node')).toMatch(/^(service|cache)\//);
  fireEvent.keyDown(cart, { key: 'Enter' });
  expect(path.value).toBe('/entities/service/cart');
  navigate('/graph');
  fireEvent.click(screen.getByRole('button', { name: 'Table' }));
  const rows = (await screen.findAllByRole('row')).slice(1);
  expect(rows[0]?.textContent).toContain('payments');
  expect(rows[0]?.textContent).toContain('reads from orders (22\u00a0/s, 10\u00a0% errors');
});

test('kinds are left out, and a graph without entities says why', async () => {
  serve({ [GRAPH]: graph });
  navigate('/graph?show=all');
  render(<GraphPage />);
  fireEvent.click(await screen.findByRole('button', { name: 'host' }));
  expect(window.location.search).toContain('hide=host');
  await vi.waitFor(() => expect(screen.queryByRole('link', { name: /^web-1/ })).toBeNull());
  cleanup();
  serve({ [GRAPH]: { ...graph, entities: [], relations: [] } });
  render(<GraphPage />);
  await screen.findByRole('heading', { name: 'Nothing to draw yet' });
});

test('a focus that was not there is said, with what there is', async () => {
  serve({ [GRAPH]: graph });
  navigate('/graph?focus=service%2Fnowhere');
  render(<GraphPage />);
  await screen.findByText(/service\/nowhere was not there at this time/);
});

test('an entity says its state, what it hangs on, its incidents and why it is here', async () => {
  serve({
    '/api/v1/entity': entityDetail,
    [ASSERTIONS]: { assertions: assertions.slice(0, 1) },
    [INCIDENTS]: { incidents: [incident, resolved] },
  });
  navigate(`/entities/service/payments?${RANGE}`);
  render(<EntityPage type="service" name="payments" />);
  await screen.findByRole('heading', { name: /payments/ });
  screen.getByRole('link', { name: /Charts and instances/ });
  const connected = screen.getByRole('region', { name: 'Connected' });
  expect(within(connected).getByRole('link', { name: 'orders' }).getAttribute('href')).toContain(
    '/entities/database/orders',
  );
  const incidents = screen.getByRole('region', { name: 'Incidents' });
  await within(incidents).findByRole('link', { name: /payments fails/ });
  expect(within(incidents).queryByRole('link', { name: /mails/ })).toBeNull();
  const numbers = await screen.findByRole('region', { name: 'Numbers' });
  within(numbers).getByRole('heading', { name: '95 % faster than' });
  screen.getByRole('link', { name: 'Flask' });
  checkHarmless();
});

test('an entity that is not there says so', async () => {
  serve({});
  render(<EntityPage type="database" name="nowhere" />);
  await screen.findByRole('heading', { name: 'No database is called nowhere' });
});

test('insights are lanes of letters that open to what was compared', async () => {
  serve({ [ASSERTIONS]: { assertions } });
  navigate(`/insights?${RANGE}`);
  render(<InsightsPage />);
  const lanes = await screen.findByRole('list', { name: /heaviest first/ });
  const [first] = within(lanes).getAllByRole('listitem');
  within(first as HTMLElement).getByRole('link', { name: 'payments' });
  fireEvent.click(within(lanes).getByRole('button', { name: /^Error, critical/ }));
  expect(window.location.search).toContain('open=a-1');
  const chosen = await screen.findByRole('region', { name: 'Errors 28 %, usually 0.1 %' });
  expect(chosen.textContent).toContain('now 28\u00a0%, usually 0.1\u00a0%, limit 5\u00a0%');
  checkHarmless();
});

test('insights are filtered by category, and the top names the worst first', async () => {
  serve({ [ASSERTIONS]: { assertions } });
  navigate(`/insights?${RANGE}`);
  render(<InsightsPage />);
  const categories = await screen.findByRole('group', { name: 'Categories' });
  fireEvent.click(within(categories).getByRole('button', { name: /Saturation/ }));
  expect(window.location.search).toContain('category=saturation');
  await screen.findByText('1 assertion of 1 entity');
  navigate(`/insights?${RANGE}&view=top`);
  const rows = (await screen.findAllByRole('row')).slice(1);
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining('payments'),
    expect.stringContaining('web-1'),
  ]);
});

test('insights without any say what would stand there', async () => {
  serve({ [ASSERTIONS]: { assertions: [] } });
  render(<InsightsPage />);
  await screen.findByRole('heading', { name: 'Nothing was out of the ordinary in this time' });
});
