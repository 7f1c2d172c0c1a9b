import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

test('the store has less than 12 KiB (gzip) without React', async () => {
  const entryPoints = ['sync/index', 'react'].map((name) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url)));
  const options = { bundle: true, minify: true, splitting: true, format: 'esm', target: 'es2022', write: false, outdir: 'out', external: ['react'] };
  const { outputFiles } = await build({ entryPoints, ...options });
  const size = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  assert.ok(size < 12 * 1024, `${size} bytes`);
});
