// Better Auth on SQLite: users, sessions, and the keys of its tokens.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { jwt } from 'better-auth/plugins';
import { SqliteDialect } from 'kysely';
import Database from 'libsql';
import { appUrl, dataFolder, secret } from './settings';

async function open() {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const options = {
    baseURL: appUrl,
    secret: secret(),
    // The dialect is given, because Better Auth does not recognize a database of libsql.
    database: { dialect: new SqliteDialect({ database: new Database(join(dataFolder, 'auth.db')) }), type: 'sqlite' as const },
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [jwt()], // GET /api/auth/token: a JWT for the Task API; GET /api/auth/jwks: the keys to check it with
  };
  await (await getMigrations(options)).runMigrations(); // creates the tables at the first start
  return betterAuth(options);
}

// `next dev` loads changed modules again. The database stays open.
const kept = globalThis as { auth?: ReturnType<typeof open> };

/** Returns Better Auth. It is opened at the first request, because `next build` imports the routes too. */
export const auth = (): ReturnType<typeof open> => (kept.auth ??= open());
