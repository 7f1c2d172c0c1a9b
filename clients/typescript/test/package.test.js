import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('the packed package has the built files, the README and the licences, and nothing else', () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd, encoding: 'utf8' }));
  const others = files.map(({ path }) => path).filter((path) => !/^dist\/(sync\/)?\w+\.(js|d\.ts)$/.test(path));
  assert.deepEqual(others.sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json']);
  for (const name of ['index.js', 'index.d.ts', 'schema.d.ts', 'sync/index.js', 'sync/index.d.ts', 'react.js', 'react.d.ts']) assert.ok(files.some(({ path }) => path === `dist/${name}`), name);
});
