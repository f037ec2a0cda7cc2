// Weighs the build against its budgets (docs/decisions/web-ui.md) and fails above them.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const KIB = 1024;
const BUDGETS = { first_js: 60 * KIB, first_css: 10 * KIB, chunk: 150 * KIB, all: 300 * KIB };
const dist = join(import.meta.dirname, '..', 'dist');
if (!existsSync(join(dist, 'index.html'))) {
  console.error('no build in ui/dist: run `npm run build` first');
  process.exit(1);
}

const gz = (path) => statSync(join(dist, `${path}.gz`)).size;
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const linked = (pattern) => [...html.matchAll(pattern)].map((match) => match[1]);
const first_js = linked(/(?:src|href)="\/(assets\/[^"]+\.js)"/g);
const first_css = linked(/href="\/(assets\/[^"]+\.css)"/g);
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.gz'))
  .map((entry) => join(entry.parentPath, entry.name).slice(dist.length + 1));
const sum = (paths) => paths.reduce((bytes, path) => bytes + gz(path), 0);

if (first_js.length === 0 || first_css.length === 0) {
  console.error('index.html links no script or no style: the weights would be wrong');
  process.exit(1);
}

/** What a file imports before it runs, and what those import. */
function needed(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(join(dist, path), 'utf8');
  for (const [, name] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) {
    needed(`assets/${name}`, found);
  }
  return found;
}

/** The files that each lazy page is fetched with, scripts and styles, as the entry lists them. */
function lazyPages() {
  const entry = first_js.map((path) => readFileSync(join(dist, path), 'utf8')).join('\n');
  const names = /m\.f\|\|\(m\.f=(\[[^\]]*\])\)/.exec(entry) ?? /m\.f=(\[[^\]]*\])/.exec(entry);
  const files = names === null ? [] : JSON.parse(names[1]);
  const pages = [
    ...entry.matchAll(
      /import\([`"']\.\/([^`"']+\.js)[`"']\)[^[]{0,80}?__vite__mapDeps\(\[([\d,]*)\]\)/g,
    ),
  ];
  return pages.map(([, name, deps]) => {
    const listed = deps === '' ? [] : deps.split(',').map((i) => files[Number(i)]);
    const all = new Set([...needed(`assets/${name}`), ...listed]);
    const own = [...all].filter((path) => !first_js.includes(path) && !first_css.includes(path));
    return {
      name,
      js: sum(own.filter((path) => path.endsWith('.js'))),
      css: sum(own.filter((path) => path.endsWith('.css'))),
    };
  });
}

// A lazy page can be the first one opened, so the first view is the entry and the heaviest page.
const pages = lazyPages();
const imported = [
  ...first_js
    .map((path) => readFileSync(join(dist, path), 'utf8'))
    .join('\n')
    .matchAll(/import\([`"']\.\//g),
];
if (pages.length !== imported.length) {
  console.error(
    `found ${pages.length} lazy pages of ${imported.length}: the weights would be wrong`,
  );
  process.exit(1);
}
const most = (kind) => Math.max(0, ...pages.map((page) => page[kind]));
const rows = [
  ['entry JS', sum(first_js), BUDGETS.first_js],
  ['first view JS (entry + heaviest lazy page)', sum(first_js) + most('js'), BUDGETS.first_js],
  ['first view CSS (the same)', sum(first_css) + most('css'), BUDGETS.first_css],
  ...pages.map(({ name, js }) => [`page ${name}`, js, BUDGETS.chunk]),
  ['whole dist', sum(files), BUDGETS.all],
];
let over = false;
for (const [name, bytes, budget] of rows) {
  const mark = bytes > budget ? 'OVER' : 'ok';
  over ||= bytes > budget;
  const figure = `${(bytes / KIB).toFixed(1)} of ${budget / KIB} KiB gzip`;
  console.log(`${mark.padEnd(5)}${figure.padEnd(26)}${name}`);
}
process.exit(over ? 1 : 0);
