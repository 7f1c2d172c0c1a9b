import { useState } from 'react';
import type { TaskStore } from 'task-api-client/sync';
import type { User } from '@/lib/auth-client';
import { Dialog } from './dialog';

interface Props {
  user: User;
  store: TaskStore;
  /** The number of changes that are not sent yet. */
  pending: number;
  onLeave: () => Promise<void>;
}

/** The user's address and the sign-out, which deletes the copy of the tasks on this device. */
export function AccountMenu({ user, store, pending, onLeave }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);

  const leave = async () => {
    setBusy(true);
    try {
      await onLeave();
      await store.forget();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };

  return (
    <>
      <button type="button" className="account" aria-label={`Account: ${user.email}`} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {user.email.charAt(0).toUpperCase()}
      </button>
      {isOpen && (
        <Dialog title="Your account" onClose={() => setOpen(false)}>
          <p>You are signed in as <strong>{user.email}</strong>.</p>
          {pending > 0 && (
            <p className="error">
              {pending === 1 ? 'One change is' : `${pending} changes are`} not sent to the server yet, and will be lost if you sign out now.
            </p>
          )}
          {problem && <p role="alert" className="error">{problem}</p>}
          <div className="buttons">
            <button type="button" className={pending > 0 ? 'danger' : ''} disabled={isBusy} onClick={leave}>
              {pending > 0 ? 'Sign out and lose them' : 'Sign out'}
            </button>
            <button type="button" className="quiet" onClick={() => setOpen(false)}>Cancel</button>
          </div>
        </Dialog>
      )}
    </>
  );
}
