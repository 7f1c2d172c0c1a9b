// A conversation about the tasks. It ends with the page.
import type { UIMessage } from 'ai';
import { useEffect, useRef, useState } from 'react';
import type { Settings } from '@/lib/settings';
import { tokenOf } from '@/lib/token';

export interface Conversation {
  messages: readonly UIMessage[];
  /** True from a question to the end of its answer. */
  isBusy: boolean;
  problem: string;
  ask(question: string): Promise<void>;
}

function sentenceOf(error: unknown): string {
  if (error instanceof TypeError) return 'The chat cannot be reached. Are you online?';
  const { message } = error as Error;
  try {
    return (JSON.parse(message) as { detail: string }).detail; // the body of a refusal
  } catch {
    return message;
  }
}

export function useChat({ tokenKind }: Settings, userId: string): Conversation {
  const [messages, setMessages] = useState<UIMessage[]>([]);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);

  const ask = async (question: string) => {
    const asked: UIMessage[] = [...messages, { id: String(messages.length), role: 'user', parts: [{ type: 'text', text: question }] }];
    const { signal } = (running.current = new AbortController());
    setMessages(asked);
    setBusy(true);
    setProblem('');
    try {
      await tokenOf(userId, tokenKind)(); // rejects if another user has signed in from another tab
      const { DefaultChatTransport, readUIMessageStream } = await import('ai'); // only loaded by those who chat
      const stream = await new DefaultChatTransport({ api: '/api/chat' }).sendMessages({
        trigger: 'submit-message', chatId: userId, messageId: undefined, messages: asked, abortSignal: signal,
      });
      for await (const answer of readUIMessageStream({ stream, terminateOnError: true })) setMessages([...asked, answer]);
    } catch (error) {
      if (!signal.aborted) setProblem(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { messages, isBusy, problem, ask };
}
