// Sign-in and sign-up, in one form.
import { useId, useRef, useState, type FormEvent } from 'react';
import { SignInError, signIn, signUp, type User } from '@/lib/auth-client';
import { apiCommand, type Settings } from '@/lib/settings';
import { CheckIcon } from './icons';

interface Props {
  settings: Settings;
  /** The e-mail address of a user whose session has ended. */
  endedFor: string | undefined;
  onEnter: (user: User) => void;
}

const TEXTS = {
  in: { title: 'Sign in', action: 'Sign in', other: 'Create an account', question: 'New here?', autoComplete: 'current-password' },
  up: { title: 'Create an account', action: 'Create account', other: 'Sign in', question: 'Do you have an account?', autoComplete: 'new-password' },
} as const;

export function SignIn({ settings, endedFor, onEnter }: Props) {
  const [mode, setMode] = useState<'in' | 'up'>('in');
  const [error, setError] = useState<SignInError>();
  const [isBusy, setBusy] = useState(false);
  const [isShown, setShown] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const texts = TEXTS[mode];

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    try {
      onEnter(await (mode === 'in' ? signIn : signUp)(String(data.get('email')), String(data.get('password'))));
    } catch (error) {
      const known = error instanceof SignInError ? error : new SignInError('Signing in does not work at the moment. Please try again later.');
      setError(known);
      setBusy(false);
      if (known.field) form.current?.querySelector<HTMLInputElement>(`[name=${known.field}]`)?.focus();
    }
  };
  const described = (field: 'email' | 'password', hint?: string) => ({
    'aria-invalid': error?.field === field,
    'aria-describedby': [error?.field === field && `${id}-error`, hint].filter(Boolean).join(' ') || undefined,
  });

  return (
    <main className="sign-in">
      <form ref={form} className="card" onSubmit={submit}>
        <div className="brand"><span className="logo"><CheckIcon /></span> Tasks</div>
        <h1>{texts.title}</h1>
        {endedFor && <p className="hint">Your session has ended. What you have changed is kept on this device, and is sent when you have signed in again.</p>}
        {error && <p role="alert" id={`${id}-error`} className="error">{error.message}</p>}
        <label>
          E-mail
          <input name="email" type="email" autoComplete="username" required defaultValue={endedFor} {...described('email')} />
        </label>
        <label htmlFor={`${id}-password`}>Password</label>
        <div className="with-button">
          <input
            id={`${id}-password`} name="password" type={isShown ? 'text' : 'password'} autoComplete={texts.autoComplete} required
            minLength={mode === 'up' ? 8 : undefined} maxLength={128} {...described('password', mode === 'up' ? `${id}-hint` : undefined)}
          />
          <button type="button" className="quiet" aria-pressed={isShown} onClick={() => setShown(!isShown)}>Show</button>
        </div>
        {mode === 'up' && <p className="hint" id={`${id}-hint`}>At least 8 characters.</p>}
        <button disabled={isBusy}>{isBusy ? 'One moment…' : texts.action}</button>
        <p className="switch">
          {texts.question}{' '}
          <button
            type="button" className="link"
            onClick={() => {
              setMode(mode === 'in' ? 'up' : 'in');
              setError(undefined);
            }}
          >
            {texts.other}
          </button>
        </p>
      </form>
      <aside aria-label="About this example">
        <p>
          This example runs on your machine and needs no account of any service. An account that you create here is stored in a SQLite file,
          in the folder <code>data</code>. Two commands start everything:
        </p>
        <ol>
          <li>in the repository, the Task API: <code>{apiCommand(settings)}</code></li>
          <li>in <code>docs/examples/nextjs</code>, this app: <code>npm install && npm start</code></li>
        </ol>
      </aside>
    </main>
  );
}
