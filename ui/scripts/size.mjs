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
const chunks = files.filter((path) => path.endsWith('.js') && !first_js.includes(path));
const sum = (paths) => paths.reduce((bytes, path) => bytes + gz(path), 0);

if (first_js.length === 0 || first_css.length === 0) {
  console.error('index.html links no script or no style: the weights would be wrong');
  process.exit(1);
}

// A lazy page can be the first one opened, so the first view is the entry and the heaviest chunk.
const heaviest = Math.max(0, ...chunks.map(gz));
const rows = [
  ['entry JS', sum(first_js), BUDGETS.first_js],
  ['first view JS (entry + heaviest lazy page)', sum(first_js) + heaviest, BUDGETS.first_js],
  ['first view CSS', sum(first_css), BUDGETS.first_css],
  ...chunks.map((path) => [`lazy ${path.replace('assets/', '')}`, gz(path), BUDGETS.chunk]),
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
