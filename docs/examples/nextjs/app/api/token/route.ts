// A token for the Task API that is signed with the secret of Better Auth, which the Task API has too (TOKEN_KIND=hs256).
import { tokenKind } from '@/lib/server/settings';
import { tokenOf } from '@/lib/server/token';

export async function GET(request: Request): Promise<Response> {
  const headers = { 'Cache-Control': 'no-store' };
  if (tokenKind !== 'hs256') return Response.json({ detail: 'Tokens come from /api/auth/token' }, { status: 404, headers });
  const token = await tokenOf(request.headers);
  if (!token) return Response.json({ detail: 'Please sign in' }, { status: 401, headers });
  return Response.json({ token }, { headers });
}
