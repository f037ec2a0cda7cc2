// Takes every page in every state, theme and size from made-up data, to be looked at.
//   SHOTS=folder node dev/shots.mjs [part of a name …]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, watchedPage } from '../e2e/browser.mjs';
import { startFixture } from './fixture-server.mjs';

const folder = process.env.SHOTS ?? '/tmp/pyrometer-shots';
mkdirSync(folder, { recursive: true });
const wanted = process.argv.slice(2);

const press = (key) => (page) => page.keyboard.press(key);
const drag = async (page) => {
  await page.mouse.move(300, 600);
  await page.mouse.down();
  await page.mouse.move(380, 640, { steps: 4 });
  await page.mouse.up();
};
const INCIDENT = '/incidents/inc-20261127-1';
const CASES = [
  ['home', '/', 'lively'],
  ['home-empty', '/', 'empty'],
  ['home-calm', '/', 'calm'],
  ['home-many', '/', 'many'],
  ['incidents', '/incidents', 'lively'],
  ['incidents-many', '/incidents', 'many'],
  ['incidents-calm', '/incidents', 'calm'],
  ['incidents-empty', '/incidents', 'empty'],
  ['incidents-error', '/incidents', 'error', { noisy: true }],
  ['incident', INCIDENT, 'lively', { full: true, at: 3000 }],
  ['incident-fold', INCIDENT, 'lively', { at: 3000 }],
  ['incident-past', '/incidents/inc-past-0', 'lively', { full: true }],
  ['incident-none', '/incidents/nothing', 'lively', { noisy: true }],
  [
    'incident-act',
    INCIDENT,
    'lively',
    { act: (page) => page.getByRole('button', { name: 'Split' }).click() },
  ],
  [
    'incident-postmortem',
    INCIDENT,
    'lively',
    { act: (page) => page.getByRole('button', { name: 'Post-mortem' }).click() },
  ],
  ['graph', '/graph', 'lively', { at: 2500 }],
  ['graph-all', '/graph?show=all&parts=1', 'lively', { at: 2500 }],
  ['graph-focus', '/graph?focus=service%2Fpayments&sel=service%2Fpayments', 'lively', { at: 2500 }],
  ['graph-table', '/graph?table=1', 'lively'],
  ['graph-calm', '/graph', 'calm', { at: 2500 }],
  ['graph-many', '/graph?show=all', 'many', { at: 2500 }],
  ['graph-grouped', '/graph?show=all', 'grouped', { at: 2500 }],
  ['graph-crowd', '/graph?show=all', 'crowd', { at: 3500 }],
  ['graph-trouble', '/graph', 'crowd', { at: 3500 }],
  ['graph-empty', '/graph', 'empty'],
  ['graph-error', '/graph', 'error', { noisy: true }],
  ['graph-partial', '/graph', 'partial', { at: 2500 }],
  ['graph-moved', '/graph', 'lively', { at: 2500, act: drag }],
  ['insights', '/insights?range=1h', 'lively'],
  ['insights-many', '/insights?range=6h', 'many'],
  ['insights-top', '/insights?range=6h&view=top', 'many'],
  ['insights-empty', '/insights', 'empty'],
  ['insights-error', '/insights', 'error', { noisy: true }],
  [
    'insights-open',
    '/insights?range=1h',
    'lively',
    { act: (page) => page.locator('.stretch').first().click(), settle: 1500 },
  ],
  ['entity', '/entities/service/payments', 'lively', { full: true, at: 3000 }],
  ['entity-database', '/entities/database/orders', 'lively', { full: true, at: 3000 }],
  ['entity-route', '/entities/route/POST%20%2Fcharge?scope.service=payments', 'lively'],
  ['entity-none', '/entities/service/nowhere', 'lively', { noisy: true }],
  ['home-partial', '/', 'partial'],
  ['home-error', '/', 'error', { noisy: true }],
  ['home-loading', '/', 'slow', { at: 600 }],
  ['service', '/services/payments', 'lively', { full: true }],
  ['service-young', '/services/cart', 'young'],
  ['service-fold', '/services/payments', 'lively'],
  ['service-hover', '/services/cart', 'lively', { act: (page) => page.mouse.move(700, 420) }],
  ['service-hour', '/services/storefront?range=6h', 'lively'],
  ['service-panel', '/services/cart?panel=flask%2Foverview%3Alatency', 'lively'],
  ['service-table', '/services/cart', 'lively', { act: press('v') }],
  [
    'service-query',
    '/services/cart',
    'lively',
    { act: (page) => page.getByLabel('Open query').nth(1).click() },
  ],
  ['service-partial', '/services/cart', 'partial', { noisy: true, full: true }],
  ['service-none', '/services/nowhere', 'lively', { noisy: true }],
  ['service-stray', '/services/mailer', 'lively'],
  ['alerts', '/alerts', 'lively'],
  [
    'alerts-open',
    '/alerts',
    'lively',
    { act: (page) => page.locator('[data-row]').first().click() },
  ],
  ['alerts-many', '/alerts', 'many'],
  ['alerts-empty', '/alerts', 'empty'],
  ['rules', '/alerts/rules', 'many'],
  ['rules-empty', '/alerts/rules', 'empty'],
  ['library', '/library', 'lively', { full: true }],
  ['library-empty', '/library', 'empty'],
  ['dashboards', '/dashboards', 'lively'],
  ['dashboards-empty', '/dashboards', 'empty'],
  ['dashboard', '/dashboards/flask/overview?service=cart', 'lively'],
  ['targets', '/targets', 'lively'],
  [
    'targets-open',
    '/targets',
    'lively',
    { act: (page) => page.getByText('127.0.0.1:9100').click() },
  ],
  ['targets-empty', '/targets', 'empty'],
  ['not-found', '/no/such/page', 'lively'],
  ['help', '/', 'lively', { act: press('?') }],
  ['range', '/', 'lively', { act: press('t') }],
  [
    'search',
    '/',
    'lively',
    {
      act: async (page) => {
        await page.keyboard.press('/');
        await page.keyboard.type('p');
      },
    },
  ],
  ['stale', '/services/cart', 'lively', { noisy: true, stale: true }],
];
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

const browser = await openBrowser();
let troubles = 0;
for (const [name, path, mode, options = {}] of CASES) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  for (const scheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const server = await startFixture({ mode });
      const { page, context, trouble } = await watchedPage(browser, server.url, {
        colorScheme: scheme,
        viewport,
      });
      await page.goto(server.url + path);
      await page.waitForTimeout(options.at ?? 1400);
      await options.act?.(page);
      if (options.stale) {
        server.close();
        await page.waitForTimeout(7000);
      }
      await page.waitForTimeout(options.settle ?? 300);
      await page.screenshot({
        path: join(folder, `${name}-${scheme}-${size}.png`),
        fullPage: options.full === true,
        // A busy machine paints late.
        timeout: 120_000,
      });
      const real = options.noisy
        ? trouble.filter((line) => !/Failed to load resource/.test(line))
        : trouble;
      for (const line of real) console.log(`${name} ${scheme} ${size}: ${line}`);
      troubles += real.length;
      await context.close();
      server.close();
    }
  }
}
await browser.close();
console.log(`${troubles} troubles; pictures in ${folder}`);
process.exit(troubles > 0 ? 1 : 0);
