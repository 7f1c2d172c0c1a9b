// The token for the Task API.

export type TokenKind = 'eddsa' | 'hs256';

const ADDRESS: Record<TokenKind, string> = {
  eddsa: '/api/auth/token', // Better Auth's jwt plugin
  hs256: '/api/token', // the route of this app
};

/**
 * Returns a function that fetches a token of this user. It rejects with a TypeError if there is no answer, as `fetch` does, and
 * with another error if the user is not signed in. If another user has signed in from another tab, it rejects too: the copy of
 * one user must not get the tasks of another.
 */
export const tokenOf = (userId: string, kind: TokenKind) => async (): Promise<string> => {
  const answer = await fetch(ADDRESS[kind], { cache: 'no-store' });
  if (answer.status === 401) throw new Error('Please sign in');
  if (!answer.ok) throw new TypeError(`The app answered with status ${answer.status}`);
  const { token } = (await answer.json()) as { token: string };
  if (subjectOf(token) !== userId) throw new Error('Another user is signed in');
  return token;
};

function subjectOf(token: string): unknown {
  const [, claims = ''] = token.split('.');
  const bytes = Uint8Array.from(atob(claims.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  return (JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown }).sub;
}
