// The conversation of a model with one user, about the tasks of this user.
import { createMCPClient } from '@ai-sdk/mcp';
import { convertToModelMessages, stepCountIs, streamText, type LanguageModel, type UIMessage } from 'ai';

/** One user's access to the tools of the Task API. */
export interface Access {
  /** The address of `/mcp`. */
  url: string;
  /** Decides whose tasks the tools read and change. The model does not see it. */
  token: string;
}

/** Streams the answer to a conversation. Rejects if `/mcp` cannot be used. `signal` ends it, for example if the user leaves. */
export async function chat(messages: UIMessage[], model: LanguageModel, { url, token }: Access, signal: AbortSignal): Promise<Response> {
  const agent = await createMCPClient({ transport: { type: 'http', url, headers: { Authorization: `Bearer ${token}` } } });
  const close = () => agent.close();
  try {
    const result = streamText({
      model,
      system: `You help a user with their task list. Now it is ${new Date().toISOString()}. Do nothing that the user has not asked for.`,
      messages: await convertToModelMessages(messages, { ignoreIncompleteToolCalls: true }),
      tools: await agent.tools(),
      stopWhen: stepCountIs(8), // after so many answers of the model
      abortSignal: signal,
      onFinish: close,
      onAbort: close,
      onError: async ({ error }) => {
        console.error(error);
        await close();
      },
    });
    return result.toUIMessageStreamResponse({ onError: () => 'The model does not answer. Please try again later.' });
  } catch (error) {
    await close();
    throw error;
  }
}
