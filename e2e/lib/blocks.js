// The fenced code blocks of the Markdown files.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './program.js';

// Returns the Markdown files of the top folder, `docs` and the client.
function pages() {
  const inside = (folder) => readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : inside(path);
    return path.endsWith('.md') ? [path] : [];
  });
  return [...readdirSync(root).filter((name) => name.endsWith('.md')), ...inside('docs'), ...inside('clients')];
}

/** Returns all blocks, in the order of each page: `page`, `line`, `language` (empty if it has none) and `text`. */
export function codeBlocks() {
  return pages().flatMap((page) => {
    const lines = readFileSync(join(root, page), 'utf8').split('\n');
    const found = [];
    let open;
    lines.forEach((line, index) => {
      const fence = line.match(/^\s*(`{3,}|~{3,})\s*(\S*)/);
      if (open && fence?.[1] === open.fence && !fence[2]) {
        found.push({ page, line: open.line, language: open.language, text: `${open.lines.join('\n')}\n` });
        open = undefined;
      } else if (open) {
        open.lines.push(line);
      } else if (fence) {
        open = { fence: fence[1], language: fence[2], line: index + 1, lines: [] };
      }
    });
    if (open) throw new Error(`${page}:${open.line}: the block has no end`);
    return found;
  });
}

/**
 * Writes TypeScript blocks into a project, as the files that their first comments name. If several blocks name the same file, they are
 * alternatives: the second one of `lib/token.ts` becomes `lib/token-2.ts`. Returns the names of the files.
 */
export function writeProject(folder, blocks) {
  rmSync(folder, { recursive: true, force: true });
  const files = [];
  for (const { page, line, text } of blocks) {
    const [, stem, extension] = text.match(/^\/\/ (\S+?)(\.m?tsx?)\n/) ?? [];
    if (!stem) throw new Error(`${page}:${line}: the first line of the block must name its file, such as "// lib/tasks.ts"`);
    let name = stem + extension;
    for (let alternative = 2; files.includes(name); alternative += 1) name = `${stem}-${alternative}${extension}`;
    files.push(name);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return files;
}
