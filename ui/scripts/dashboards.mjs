// Checks dashboards that `pyrometer export packs FOLDER` wrote against the types that Grafana and
// Perses publish. A wrong name or type of a field fails.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2];
if (root === undefined) {
  console.error('usage: node scripts/dashboards.mjs FOLDER');
  process.exit(2);
}

const ui = join(import.meta.dirname, '..');
// Inside node_modules, where imports of packages are found and git looks away.
const work = join(ui, 'node_modules', '.exported');
mkdirSync(work, { recursive: true });

// In a JSON text an enumeration is one of its strings.
const lines = [
  "import type { Dashboard } from '@grafana/schema';",
  "import type { DashboardResource } from '@perses-dev/core';",
  'type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[]',
  '  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
];
const types = { grafana: 'Plain<Dashboard>', perses: 'DashboardResource' };
const found = { grafana: 0, perses: 0 };
for (const path of readdirSync(root, { recursive: true }).sort()) {
  const kind = path.split('/').at(-2);
  if (!path.endsWith('.json') || !(kind in types)) continue;
  found[kind] += 1;
  const name = `d${found.grafana}_${found.perses}`;
  lines.push(`// ${path}`, `export const ${name}: ${types[kind]} =`);
  lines.push(`${readFileSync(join(root, path), 'utf8').trimEnd()};`);
}
if (found.grafana === 0 || found.grafana !== found.perses) {
  console.error(`${root} holds ${found.grafana} and ${found.perses} dashboards`);
  process.exit(1);
}

writeFileSync(join(work, 'exported.ts'), `${lines.join('\n')}\n`);
const compilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'es2022',
};
const project = join(work, 'tsconfig.json');
writeFileSync(project, JSON.stringify({ compilerOptions, files: ['exported.ts'] }));
const tsc = join(ui, 'node_modules', '.bin', 'tsc');
const checked = spawnSync(tsc, ['-p', project], { stdio: 'inherit' });
if (checked.status !== 0) process.exit(1);
console.log(`${found.grafana} dashboards fit the types of Grafana and Perses`);
