import type { UIMessage } from 'ai';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { Conversation } from '@/hooks/use-chat';

/** The panel with the conversation. What the model changes appears in the list of tasks, as the changes of another window do. */
export function Chat({ conversation }: { conversation: Conversation }) {
  const { messages, isBusy, problem, ask } = conversation;
  const [question, setQuestion] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const log = useRef<HTMLDivElement>(null);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    log.current?.scrollTo(0, log.current.scrollHeight); // new browsers return a promise, which an effect must not
  }, [messages]);

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (isBusy || !question.trim()) return;
    setQuestion('');
    void ask(question);
  };

  return (
    <section id="chat" className="chat card" aria-label="Chat">
      {/* While it is busy, screen readers wait for the end of the answer. */}
      <div ref={log} role="log" aria-label="Conversation" aria-busy={isBusy} tabIndex={0}>
        {messages.length === 0 && <p className="hint">Ask about your tasks, or say what to add, change or complete.</p>}
        {messages.map((message, index) => <Message key={index} message={message} />)}
      </div>
      {isBusy && <p className="hint">Working…</p>}
      {problem && <p role="alert" className="error">{problem}</p>}
      <form className="line" onSubmit={send}>
        <input
          ref={field} aria-label="Message" placeholder="For example: put milk on my list" maxLength={2000} autoComplete="off"
          value={question} onChange={(event) => setQuestion(event.target.value)}
        />
        <button disabled={isBusy}>Send</button>
      </form>
    </section>
  );
}

function Message({ message: { role, parts } }: { message: UIMessage }) {
  return (
    <div className={`message ${role}`}>
      <h3>{role === 'user' ? 'You' : 'Assistant'}</h3>
      {parts.map((part, index) => {
        if (part.type === 'text') return <p key={index}>{part.text}</p>;
        if (part.type === 'dynamic-tool') return <p key={index} className="hint">Used: {part.toolName.replaceAll('_', ' ')}</p>;
        return null;
      })}
    </div>
  );
}
