'use client';
// The app: the sign-in, or the tasks of the signed-in user.
import { useServiceWorker } from '@/hooks/use-service-worker';
import { useSession } from '@/hooks/use-session';
import type { Settings } from '@/lib/settings';
import { Board } from './board';
import { FeedbackProvider } from './feedback';
import { SignIn } from './sign-in';

export function App({ settings }: { settings: Settings }) {
  useServiceWorker();
  const [session, actions] = useSession();
  switch (session.state) {
    case 'loading':
      return <main className="center"><p role="status">Loading…</p></main>;
    case 'unreachable':
      return (
        <main className="center">
          <h1>Tasks</h1>
          <p role="alert">This app cannot be reached, and this browser has no copy of any tasks yet. Are you online?</p>
          <button type="button" onClick={actions.retry}>Try again</button>
        </main>
      );
    case 'out':
      return <SignIn settings={settings} endedFor={session.email} onEnter={actions.enter} />;
    case 'in':
      return (
        <FeedbackProvider key={session.user.id}>
          <Board settings={settings} user={session.user} onSignInAgain={actions.signInAgain} onLeave={actions.leave} />
        </FeedbackProvider>
      );
  }
}
