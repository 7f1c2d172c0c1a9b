// The token for the Task API of the user who has sent a request.
import { SignJWT } from 'jose';
import { auth } from './auth';
import { secret, tokenKind } from './settings';

/** Returns a token for the user of this session, or null if there is no session. */
export async function tokenOf(headers: Headers): Promise<string | null> {
  const { api } = await auth();
  const session = await api.getSession({ headers });
  if (!session) return null;
  if (tokenKind === 'eddsa') return (await api.getToken({ headers })).token;
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(session.user.id)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(new TextEncoder().encode(secret()));
}
