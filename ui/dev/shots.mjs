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
const CASES = [
  ['home', '/', 'lively'],
  ['home-empty', '/', 'empty'],
  ['home-many', '/', 'many'],
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
      await page.waitForTimeout(300);
      await page.screenshot({
        path: join(folder, `${name}-${scheme}-${size}.png`),
        fullPage: options.full === true,
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
