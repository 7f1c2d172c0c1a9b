// A token for the Task API that is signed with the secret of Better Auth, which the Task API has too (TOKEN_KIND=hs256).
import { SignJWT } from 'jose';
import { auth } from '@/lib/server/auth';
import { secret, tokenKind } from '@/lib/server/settings';

export async function GET(request: Request): Promise<Response> {
  const headers = { 'Cache-Control': 'no-store' };
  if (tokenKind !== 'hs256') return Response.json({ detail: 'Tokens come from /api/auth/token' }, { status: 404, headers });
  const session = await (await auth()).api.getSession({ headers: request.headers });
  if (!session) return Response.json({ detail: 'Please sign in' }, { status: 401, headers });
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(session.user.id)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(new TextEncoder().encode(secret()));
  return Response.json({ token }, { headers });
}
