// Who uses the app: the user that this browser remembers, or the one of the session.
import { useCallback, useEffect, useState } from 'react';
import { currentUser, signOut, type User } from '@/lib/auth-client';
import { onOtherTab, rememberedUser, rememberUser } from '@/lib/remembered-user';

export type Session =
  | { state: 'loading' }
  | { state: 'unreachable' }
  /** `email` is that of a user whose session has ended. The changes of this user are still in the browser. */
  | { state: 'out'; email?: string }
  | { state: 'in'; user: User };

export interface SessionActions {
  retry(): void;
  enter(user: User): void;
  /** The session has ended: shows the sign-in. */
  signInAgain(): void;
  /** Ends the session. Rejects with a sentence if the app cannot be reached. */
  leave(): Promise<void>;
}

export function useSession(): [Session, SessionActions] {
  const [session, setSession] = useState<Session>({ state: 'loading' });

  const start = useCallback(() => {
    const user = rememberedUser();
    if (user) return setSession({ state: 'in', user }); // at once, also offline
    setSession({ state: 'loading' });
    currentUser().then((user) => {
      if (user) rememberUser(user);
      setSession(user ? { state: 'in', user } : { state: 'out' });
    }, () => setSession({ state: 'unreachable' }));
  }, []);

  useEffect(() => {
    start();
    return onOtherTab(start);
  }, [start]);

  const enter = useCallback((user: User) => {
    rememberUser(user);
    setSession({ state: 'in', user });
  }, []);
  const signInAgain = useCallback(() => {
    setSession((session) => (session.state === 'in' ? { state: 'out', email: session.user.email } : session));
  }, []);
  const leave = useCallback(async () => {
    await signOut();
    rememberUser(null);
    setSession({ state: 'out' });
  }, []);
  return [session, { retry: start, enter, signInAgain, leave }];
}
