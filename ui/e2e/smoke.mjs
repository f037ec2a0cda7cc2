// Opens every page of a running server in Chromium and fails on anything a user would not want:
// console errors, page errors, foreign requests, violations of the content security policy.
//
//   BASE_URL        the server, for example http://127.0.0.1:9095
//   SHOTS           folder for the screenshots; none are taken without it
//   EXPECT_ALERT=1  a firing alert must be shown with its sentence, on Home and on Alerts
//   WAIT_S          how long each expectation may take, default 30
//   CHROMIUM        the browser, default /usr/bin/chromium
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, watchedPage } from './browser.mjs';

const baseUrl = process.env.BASE_URL;
const shots = process.env.SHOTS;
const expectAlert = process.env.EXPECT_ALERT === '1';
const timeout = Number(process.env.WAIT_S ?? 30) * 1000;
if (baseUrl === undefined) {
  console.error('BASE_URL is missing, for example BASE_URL=http://127.0.0.1:9095');
  process.exit(2);
}
if (shots !== undefined) mkdirSync(shots, { recursive: true });

const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const problems = [];
let checks = 0;

/** One expectation: a sentence and something that throws or returns false if it does not hold. */
async function expect(sentence, test) {
  checks += 1;
  try {
    if ((await test()) === false) throw new Error('it does not');
    console.log(`ok    ${sentence}`);
  } catch (error) {
    console.log(`FAIL  ${sentence}`);
    problems.push(`${sentence}: ${String(error.message ?? error).split('\n')[0]}`);
  }
}

const browser = await openBrowser();

/** What the first KPI column of Home says, as numbers with their prefix applied. */
function ratesOn(page) {
  return page.locator('table.services tbody tr').evaluateAll((rows) =>
    rows.map((row) => {
      const number = row.querySelector('.col-kpi .kpi-number')?.textContent ?? '';
      const unit = row.querySelector('.col-kpi .kpi-unit')?.textContent ?? '';
      return Number(number) * (unit.startsWith('k') ? 1000 : 1);
    }),
  );
}

async function checkHome(page) {
  await page.goto(baseUrl);
  await expect('Home shows services', () =>
    page.locator('table.services tbody tr').first().waitFor({ timeout }),
  );
  await expect('a service has a rate above zero', () =>
    page.waitForFunction(
      () =>
        [...document.querySelectorAll('table.services tbody tr')].some(
          (row) => Number(row.querySelector('.kpi-number')?.textContent) > 0,
        ),
      undefined,
      { timeout },
    ),
  );
  await expect('a sparkline is drawn', () =>
    page.waitForFunction(
      () =>
        [...document.querySelectorAll('.spark-line')].some((path) =>
          (path.getAttribute('d') ?? '').includes('L'),
        ),
      undefined,
      { timeout },
    ),
  );
  console.log(`      rates: ${(await ratesOn(page)).join(', ')}`);
  if (expectAlert) {
    await expect('Home shows a service in trouble, with its sentence', async () => {
      const sentence = page.locator('tr.critical .sentence, tr.warning .sentence').first();
      await sentence.waitFor({ timeout });
      return ((await sentence.textContent()) ?? '').trim() !== '';
    });
  }
}

async function checkAlerts(page) {
  await page.goto(new URL('/alerts/rules', baseUrl).href);
  await expect('Rules shows rules', () =>
    page.locator('.rules-table [data-row]').first().waitFor({ timeout }),
  );
  await expect('a rule that cannot judge is not green', async () => {
    const waiting = page.locator('.rules-table tr.row:has(.waits)');
    for (const row of await waiting.all()) {
      if (/\bgood\b/.test((await row.getAttribute('class')) ?? '')) return false;
    }
    return true;
  });
  if (!expectAlert) return;
  await page.goto(new URL('/alerts', baseUrl).href);
  await expect('Alerts shows a firing alert with its sentence', async () => {
    const row = page.locator('table.alerts tbody.firing tr.row').first();
    await row.waitFor({ timeout });
    return ((await row.locator('.col-summary').textContent()) ?? '').trim() !== '';
  });
  await expect('an alert opens to its expression, its chart and what it did before', async () => {
    await page.locator('table.alerts [data-row]').first().click();
    await page.locator('.alert-detail .promql').first().waitFor({ timeout });
    await page.locator('.alert-chart canvas').first().waitFor({ timeout });
    await page.locator('.history-strip .strip').first().waitFor({ timeout });
  });
  await expect('a label that is pressed filters, and the URL says so', async () => {
    await page.locator('.alert-detail button.chip').first().click();
    await page.waitForURL(/labels=/, { timeout });
    await page.locator('.asked .chip').first().waitFor({ timeout });
  });
  await page.goto(new URL('/alerts/history?range=1h', baseUrl).href);
  await expect('History shows what fired', () =>
    page.locator('.history-table .strip rect').first().waitFor({ timeout }),
  );
}

async function checkNotifications(page) {
  await page.goto(new URL('/alerts/silences', baseUrl).href);
  await expect('Silences can be made, or says that nobody is told', () =>
    page
      .getByRole('button', { name: 'New silence' })
      .or(page.getByRole('heading', { name: 'This server tells nobody' }))
      .waitFor({ timeout }),
  );
  await page.goto(new URL('/alerts/notifications', baseUrl).href);
  await expect('Notifications shows receivers, or says what to do for some', () =>
    page.locator('table.receivers, .empty h2').first().waitFor({ timeout }),
  );
}

async function checkLibrary(page) {
  await page.goto(new URL('/library', baseUrl).href);
  await expect('Library shows packs that were found, and their coverage', async () => {
    await page.locator('table.packs a[data-row]').first().waitFor({ timeout });
    await page.locator('.coverage-cell').first().waitFor({ timeout });
  });
  await expect('a pack says where it was found, and an alert of it opens', async () => {
    await page.locator('table.packs a[data-row]').first().click();
    await page.locator('.found-in [data-row]').first().waitFor({ timeout });
    await page.locator('.pack-alerts [data-row]').first().click();
    await page.locator('.pack-alert .runbook').first().waitFor({ timeout });
  });
}

async function checkDashboards(page) {
  await page.goto(new URL('/dashboards', baseUrl).href);
  await expect('a dashboard opens for a service, and its panels say how to read them', async () => {
    await page.locator('.card .service-chip').first().click();
    await page.waitForURL(/\/dashboards\/[^?]+\?.*service=/, { timeout });
    await page.locator('.panel .panel-help').first().waitFor({ timeout });
    await page.locator('.chart canvas').first().waitFor({ timeout });
  });
}

async function checkService(page) {
  await page.goto(baseUrl);
  const link = page.locator('table.services tr:has(.kpi-number) a[data-row]').first();
  await link.waitFor({ timeout });
  const name = await link.locator('.name').textContent();
  // Five minutes, so that a server that has run for one shows more than a sliver.
  const href = new URL(await link.getAttribute('href'), baseUrl);
  href.searchParams.set('range', '5m');
  await page.goto(href.href);
  await expect(`${name} has a page of its own`, () =>
    page.locator('.service-head h1').waitFor({ timeout }),
  );
  await expect(`${name} has charts`, () =>
    page.locator('.chart canvas').first().waitFor({ timeout }),
  );
  await expect('the first chart has a value', () =>
    page.waitForFunction(
      () => /\d/.test(document.querySelector('.legend tbody td.num')?.textContent ?? ''),
      undefined,
      { timeout },
    ),
  );
  await expect('every panel on the screen shows something or says why not', () =>
    page.waitForFunction(
      () =>
        [...document.querySelectorAll('.panel')]
          .filter((panel) => panel.getBoundingClientRect().top < window.innerHeight)
          .every((panel) => panel.querySelector('canvas, td, .panel-empty, .figure')),
      undefined,
      { timeout },
    ),
  );
  await checkCharts(page);
}

/** On a service's page: brush, crosshair, keys, tables. */
async function checkCharts(page) {
  await expect('a brush zooms in, and its range is in the URL', async () => {
    const box = await page.locator('.chart .u-over').first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.84, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.98, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/, { timeout });
  });
  await expect('a double click goes back', async () => {
    await page.locator('.chart .u-over').first().dblclick();
    await page.waitForURL((url) => !url.searchParams.has('from'), { timeout });
  });
  await expect('the crosshair is in every chart, with its time above each legend', async () => {
    const chart = page.locator('.chart .u-over').first();
    await chart.hover({ position: { x: 60, y: 40 } });
    await page.waitForFunction(
      () => {
        const heads = [...document.querySelectorAll('.legend thead th.num:nth-child(2)')];
        const times = new Set(heads.map((head) => head.textContent));
        return heads.length > 1 && [...times].every((text) => /^\d\d:\d\d:\d\d$/.test(text));
      },
      undefined,
      { timeout },
    );
  });
  await expect('an arrow key moves the crosshair, and the values are read out', async () => {
    await page.mouse.move(2, 2);
    const panel = page.locator('[data-panel]:has(.chart canvas)').first();
    const said = panel.locator('[aria-live]');
    await panel.focus();
    await page.keyboard.press('ArrowLeft');
    const first = await heard(said);
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction((before) => !document.body.innerText.includes(before), first);
    const second = await heard(said);
    await page.keyboard.press('Escape');
    return first !== second;
  });
  await expect('v shows tables in place of charts', async () => {
    await page.keyboard.press('v');
    await page.locator('.panel-table').first().waitFor({ timeout });
    await page.keyboard.press('v');
  });
}

/** The time that a live region has read out, as soon as it says one. */
async function heard(region) {
  await region.filter({ hasText: /^\d\d:\d\d:\d\d\. / }).waitFor({ state: 'attached', timeout });
  return (await region.textContent()).slice(0, '00:00:00'.length);
}

/** A finger on a phone: a brush zooms in, and up and down still scroll the page. */
async function checkTouch(page) {
  await page.goto(baseUrl);
  const link = page.locator('table.services tr:has(.kpi-number) a[data-row]').first();
  await link.waitFor({ timeout });
  const { href } = new URL(await link.getAttribute('href'), baseUrl);
  await page.goto(href);
  const chart = page.locator('.chart .u-over').first();
  await chart.waitFor({ timeout });
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  const touch = await page.context().newCDPSession(page);
  const swipe = async (from, to) => {
    const send = (type, ...touchPoints) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints });
    await send('touchStart', from);
    for (let i = 1; i <= 8; i += 1) {
      const part = i / 8;
      const x = from.x + (to.x - from.x) * part;
      await send('touchMove', { x, y: from.y + (to.y - from.y) * part });
    }
    await send('touchEnd');
  };
  const start = { x: box.x + box.width * 0.3, y: box.y + box.height * 0.8 };
  await expect('a finger that goes up over a chart scrolls the page', async () => {
    const before = await page.evaluate(() => window.scrollY);
    await swipe(start, { x: start.x, y: start.y - 160 });
    await page.waitForFunction((y) => window.scrollY > y, before, { timeout });
    return !page.url().includes('from=');
  });
  await expect('a finger that goes sideways over a chart zooms in', async () => {
    // On a page of its own: the other finger's swing may still be scrolling this one.
    await page.goto('about:blank');
    await page.goto(href);
    await chart.waitFor({ timeout });
    // Many alerts above it push the chart below the screen.
    await chart.evaluate((element) => element.scrollIntoView({ block: 'center' }));
    const { x, y, width, height } = await chart.boundingBox();
    const middle = y + height / 2;
    await swipe({ x: x + width * 0.3, y: middle }, { x: x + width * 0.9, y: middle });
    await page.waitForURL(/from=\d+&to=\d+/, { timeout });
  });
}

/** Graph, entity, insights and incidents: what they show, or why they show nothing. */
async function checkDiagnosis(page) {
  await page.goto(new URL('/graph?show=all', baseUrl).href);
  await expect('the graph shows entities as links', () =>
    page.locator('.graph-window a.node').first().waitFor({ timeout }),
  );
  await expect('an arrow key goes to another entity, and Enter opens its page', async () => {
    await page.locator('.graph-window [data-node][tabindex="0"]').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/entities\//, { timeout });
    await page.locator('.entity-head h1').waitFor({ timeout });
  });
  await expect('an entity says why it is here', () =>
    page.getByRole('heading', { name: 'Why it is here' }).waitFor({ timeout }),
  );
  await page.goto(new URL('/graph?show=all', baseUrl).href);
  await expect('v shows the graph as a table', async () => {
    await page.locator('.graph-window a.node').first().waitFor({ timeout });
    await page.keyboard.press('v');
    await page.locator('.graph-table tr.row').first().waitFor({ timeout });
  });
  await page.goto(new URL('/insights?range=1h', baseUrl).href);
  await expect('Insights shows lanes, or that nothing was out of the ordinary', () =>
    page.locator('.lanes .stretch, .insights .empty').first().waitFor({ timeout }),
  );
  await page.goto(new URL('/incidents', baseUrl).href);
  await expect('Incidents shows what there is, or says that there is none', () =>
    page.locator('.incident-table [data-row], .incidents .empty').first().waitFor({ timeout }),
  );
}

async function checkTargets(page) {
  await page.goto(new URL('/targets', baseUrl).href);
  await expect('Targets shows a target that is up', () =>
    page.locator('table.targets tr.good, table.targets tr.warning').first().waitFor({ timeout }),
  );
}

async function checkKeys(page) {
  await page.goto(baseUrl);
  await page.locator('[data-row]').first().waitFor({ timeout });
  await expect('g a goes to Alerts', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    await page.waitForURL(/\/alerts/, { timeout });
  });
  await expect('[ steps back in time', async () => {
    await page.keyboard.press('[');
    await page.waitForURL(/from=\d+&to=\d+/, { timeout });
  });
  await expect('j and Enter open a row', async () => {
    await page.goto(baseUrl);
    await page.locator('[data-row]').first().waitFor({ timeout });
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    // An open incident stands above the services.
    await page.waitForURL(/\/(services|incidents)\//, { timeout });
  });
  for (const [key, address] of [
    ['i', /\/incidents/],
    ['g', /\/graph/],
    ['n', /\/insights/],
  ]) {
    await expect(`g ${key} goes to ${address.source}`, async () => {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.waitForURL(address, { timeout });
    });
  }
  await expect('an unknown address says so', async () => {
    await page.goto(new URL('/no/such/page', baseUrl).href);
    await page.getByText('There is no page here').waitFor({ timeout });
  });
}

const { page, context, trouble } = await watchedPage(browser, baseUrl, { colorScheme: 'dark' });
const CHECKS = [
  checkHome,
  checkService,
  checkAlerts,
  checkNotifications,
  checkLibrary,
  checkDashboards,
  checkDiagnosis,
  checkTargets,
  checkKeys,
];
for (const check of CHECKS) {
  // What comes before an expectation may fail, too; the other pages are still looked at.
  await check(page).catch((error) => expect(check.name, () => Promise.reject(error)));
}
await context.close();

const phone = await watchedPage(browser, baseUrl, {
  viewport: SIZES.phone,
  hasTouch: true,
  isMobile: true,
});
await checkTouch(phone.page).catch((error) => expect('checkTouch', () => Promise.reject(error)));
trouble.push(...phone.trouble);
await phone.context.close();

const PAGES = {
  home: '/',
  incidents: '/incidents',
  graph: '/graph?show=all',
  insights: '/insights?range=1h',
  alerts: '/alerts',
  history: '/alerts/history',
  rules: '/alerts/rules',
  silences: '/alerts/silences',
  notifications: '/alerts/notifications',
  library: '/library',
  pack: '/library/target',
  dashboards: '/dashboards',
  targets: '/targets',
};

/** One theme, one size: every page, photographed. */
async function shootAll(colorScheme, size) {
  const shot = await watchedPage(browser, baseUrl, { colorScheme, viewport: SIZES[size] });
  for (const [name, path] of Object.entries(PAGES)) {
    await shot.page.goto(new URL(path, baseUrl).href);
    await shot.page.locator('main [data-row], main h1').first().waitFor({ timeout });
    await shot.page.screenshot({ path: join(shots, `${name}-${colorScheme}-${size}.png`) });
  }
  await shot.page.goto(baseUrl);
  await shot.page.locator('table.services a[data-row]').first().click();
  await shot.page.locator('.legend, .panel-empty').first().waitFor({ timeout });
  // Panels ask the server once they are seen: see each before the picture of the whole page.
  for (const panel of await shot.page.locator('.panel').all()) {
    await panel.scrollIntoViewIfNeeded();
    await panel
      .locator('.legend, .panel-table, .panel-empty, .figures, .failed')
      .waitFor({ timeout });
  }
  await shot.page.evaluate(() => window.scrollTo(0, 0));
  const path = join(shots, `service-${colorScheme}-${size}.png`);
  await shot.page.screenshot({ path, fullPage: true });
  trouble.push(...shot.trouble);
  await shot.context.close();
}

if (shots !== undefined) {
  for (const colorScheme of ['light', 'dark']) {
    for (const size of Object.keys(SIZES)) {
      await expect(`screenshots: ${colorScheme}, ${size}`, () => shootAll(colorScheme, size));
    }
  }
}
await browser.close();

await expect('no console error, page error, foreign request, policy report or dialog', () => {
  if (trouble.length > 0) throw new Error([...new Set(trouble)].join(' | '));
});
for (const problem of problems) console.error(`\n${problem}`);
console.log(`\n${checks - problems.length} passed, ${problems.length} failed`);
process.exit(problems.length > 0 ? 1 : 0);
