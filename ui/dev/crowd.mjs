// Opens the long lists with 10,000 alerts, 1,000 rules and 2,000 targets, and the pages of the
// diagnosis with 2,000 entities and 460 incidents, from made-up data; fails if one takes longer to
// show than a person waits without wondering.
import { openBrowser, watchedPage } from '../e2e/browser.mjs';
import { startFixture } from './fixture-server.mjs';

const BUDGET_MS = 2_000;
const CASES = [
  ['/alerts', 'table.alerts', 'of 10\u202f0'],
  ['/alerts/rules', 'table.rules-table', 'of 1\u202f0'],
  ['/targets', 'table.targets', 'of 2\u202f0'],
];

const server = await startFixture({ mode: 'crowd' });
const browser = await openBrowser();
const failures = [];
for (const [path, table, total] of CASES) {
  const { page, context, trouble } = await watchedPage(browser, server.url);
  const began = performance.now();
  await page.goto(server.url + path);
  const list = page.locator(table);
  await list.locator('tr.row').nth(199).waitFor();
  const shownMs = performance.now() - began;
  const said = (await list.locator('caption').textContent()) ?? '';
  const rows = await list.locator('tr.row').count();
  await list.getByRole('button', { name: 'Show more' }).click();
  await list.locator('tr.row').nth(399).waitFor();
  console.log(`${path} ${table}: ${rows} rows in ${shownMs.toFixed(0)} ms; ${said}`);
  if (rows !== 200) failures.push(`${path}: ${rows} rows at first, not 200`);
  if (!said.includes(total)) failures.push(`${path}: "${said}" does not say ${total}`);
  if (shownMs > BUDGET_MS) failures.push(`${path}: ${shownMs.toFixed(0)} ms, above ${BUDGET_MS}`);
  failures.push(...trouble);
  await context.close();
}
const PICTURES = [
  ['/graph?show=all', '.node'],
  ['/graph', '.node'],
  ['/graph?show=all&table=1', '.graph-table tr.row'],
  ['/insights?range=6h', '.stretch'],
  ['/insights?range=6h&view=top', '.top-table tr.row'],
  ['/incidents', '.incident-table tr.row'],
  ['/incidents/inc-open-0', '.suspect'],
  ['/entities/host/node-3', '.relations tr.row'],
];
for (const [path, drawn] of PICTURES) {
  const { page, context, trouble } = await watchedPage(browser, server.url);
  const began = performance.now();
  await page.goto(server.url + path);
  await page.locator(drawn).first().waitFor();
  const shownMs = performance.now() - began;
  const count = await page.locator(drawn).count();
  console.log(`${path}: ${count} of ${drawn} in ${shownMs.toFixed(0)} ms`);
  if (shownMs > BUDGET_MS) failures.push(`${path}: ${shownMs.toFixed(0)} ms, above ${BUDGET_MS}`);
  if (count > 700) failures.push(`${path}: ${count} of ${drawn} at once are more than are seen`);
  failures.push(...trouble);
  await context.close();
}
await browser.close();
server.close();
for (const failure of failures) console.error(failure);
process.exit(failures.length > 0 ? 1 : 0);
