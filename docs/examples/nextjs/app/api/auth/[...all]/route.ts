// The routes of Better Auth.
import { auth } from '@/lib/server/auth';

const handle = async (request: Request): Promise<Response> => (await auth()).handler(request);

export { handle as GET, handle as POST };
