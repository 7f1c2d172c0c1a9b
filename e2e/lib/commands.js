// Runs the shell blocks of the documentation with stand-ins for the programs that build, install or start something.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, root } from './program.js';

// A command without a stand-in is not found, which fails its block. Stand-ins of commands that are not run check what they can.
const STAND_INS = {
  curl: 'exec "$CURL" --silent --show-error --fail-with-body "$@"',
  // The commands of the server run in its folder. The server itself is started by the test, and CI runs the checks.
  cargo: `case "$*" in
    'run -p api' | 'build -p api' | 'test --workspace' | 'fmt --all --check') ;;
    'clippy --workspace --all-targets --locked -- -D warnings') ;;
    'doc --workspace --no-deps --document-private-items --locked') ;;
    'run -p api -- '* | 'run -qp api -- '*) while [ "$1" != -- ]; do shift; done; shift; cd "$API_FOLDER" && exec "$API_BIN" "$@" ;;
    *) exit 1 ;;
  esac`,
  // The types come from the real server. A script must be a block of the documentation.
  npx: `cd "$PROJECT" && case "$1" in
    openapi-typescript) shift && exec "$NODE" "$TOOLS/openapi-typescript" "$@" ;;
    tsx) [ -f "$2" ] ;;
    *) exit 1 ;;
  esac`,
  // These are run by \`just e2e\`.
  npm: `case "$1" in
    ci | pack) [ -f package.json ] ;;
    install) [ "$#" -gt 1 ] || [ -f package.json ] ;;
    run | start | test) "$NODE" -e 'process.exit(require("./package.json").scripts[process.argv.at(-1)] ? 0 : 1)' "$@" ;;
    *) exit 1 ;;
  esac`,
  // Adds a server of tools by its address and its headers.
  claude: '[ "$1 $2 $3 $4" = "mcp add --transport http" ] && [ "$#" -ge 6 ]',
  just: 'exec "$GREP" -q "^$1\\b.*:" "$ROOT/justfile"',
  // Installs what the machine of the test has already.
  'apt-get': '[ "$1" = install ]',
};

const find = (program) => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();

/** Runs blocks, each in a shell of its own at the root of the repository, against this server. Fails with the place of the block. */
export function runShellBlocks(blocks, api, project) {
  const folder = mkdtempSync(join(tmpdir(), 'commands-'));
  const bash = find('bash');
  try {
    for (const [name, script] of Object.entries(STAND_INS)) {
      writeFileSync(join(folder, name), `#!${bash}\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    const env = {
      PATH: folder, API_FOLDER: api.folder, API_BIN: bin, PROJECT: project, TOOLS: join(root, 'e2e/node_modules/.bin'), ROOT: root,
      CURL: find('curl'), GREP: find('grep'), NODE: process.execPath,
    };
    for (const { page, line, text } of blocks) {
      const script = `set -euo pipefail\n${text.replaceAll('http://127.0.0.1:8000', api.url)}`;
      const options = { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
      const { status, stdout, stderr } = spawnSync(bash, ['--norc', '-c', script], options);
      if (status !== 0) throw new Error(`${page}:${line} failed with ${status}:\n${text}${stdout}${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
