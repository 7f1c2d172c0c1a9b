// The settings, read from the environment. None of them is required on your own machine.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenKind } from '../token';

/** Has the SQLite file of Better Auth, and the secret if none is set. Git ignores it. */
export const dataFolder = process.env.DATA_FOLDER ?? join(process.cwd(), 'data');

/** The address of this app, as browsers see it. */
export const appUrl = process.env.BETTER_AUTH_URL ?? 'http://localhost:3000';

/** The address of the Task API, as browsers and the chat see it. */
export const apiUrl = process.env.API_URL ?? 'http://127.0.0.1:8000';

/** `eddsa`: Better Auth's own keys. `hs256`: tokens that are signed with `BETTER_AUTH_SECRET`, which the Task API has too. */
export const tokenKind: TokenKind = process.env.TOKEN_KIND === 'hs256' ? 'hs256' : 'eddsa';

/** Returns the secret of Better Auth. If none is set, a random one is made at the first start and kept in the data folder. */
export function secret(): string {
  if (process.env.BETTER_AUTH_SECRET) return process.env.BETTER_AUTH_SECRET;
  if (tokenKind === 'hs256') throw new Error('TOKEN_KIND=hs256 needs BETTER_AUTH_SECRET, with the same value as the Task API has');
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const file = join(dataFolder, 'better-auth-secret');
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // it was made at an earlier start
  }
  return readFileSync(file, 'utf8');
}
