// The chat: `useChat` of @ai-sdk/react, and any other client of the AI SDK, can use it as it is.
import { safeValidateUIMessages } from 'ai';
import { chat } from '@/lib/server/chat';
import { model, NO_MODEL } from '@/lib/server/model';
import { apiUrl } from '@/lib/server/settings';
import { tokenOf } from '@/lib/server/token';

const refusal = (status: number, detail: string) => Response.json({ detail }, { status, headers: { 'Cache-Control': 'no-store' } });

export async function POST(request: Request): Promise<Response> {
  // A page of another origin can send a form or a text with the cookies of the user, but not JSON.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) return refusal(415, 'The body must be application/json');
  const token = await tokenOf(request.headers);
  if (!token) return refusal(401, 'Please sign in');
  const languageModel = model();
  if (!languageModel) return refusal(501, NO_MODEL);
  const body = (await request.json().catch(() => null)) as { messages?: unknown } | null;
  const messages = await safeValidateUIMessages({ messages: body?.messages });
  if (!messages.success) return refusal(400, 'The body must have messages of the AI SDK');
  try {
    return await chat(messages.data, languageModel, { url: new URL('/mcp', apiUrl).href, token }, request.signal);
  } catch (error) {
    console.error(error);
    return refusal(502, `The Task API at ${apiUrl} cannot be used at /mcp`);
  }
}
