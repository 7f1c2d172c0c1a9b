// Whether the tasks on the page are those of the server.
import { useEffect, useRef } from 'react';
import type { Snapshot, SyncStatus } from 'task-api-client/sync';
import { apiCommand, type Settings } from '@/lib/settings';
import { useFeedback } from './feedback';

const NAMES: Record<SyncStatus, string> = {
  'loading': 'Loading', 'connecting': 'Connecting', 'live': 'Live', 'online': 'Online', 'offline': 'Offline', 'signed-out': 'Signed out',
  'closed': 'Closed',
};

const changes = (count: number) => (count === 1 ? '1 change' : `${count} changes`);
const isConnected = (status: SyncStatus) => status === 'live' || status === 'online';

/** The state of the connection, in a few words. Changes of it are read to people with a screen reader. */
export function Status({ snapshot: { status, pending } }: { snapshot: Snapshot }) {
  const { announce } = useFeedback();
  const before = useRef(status);
  const wasOffline = useRef(false);
  useEffect(() => {
    if (before.current !== status && status === 'offline') announce('You are offline. Changes are kept on this device.');
    if (wasOffline.current && isConnected(status)) announce('You are online again.');
    before.current = status;
    if (status === 'offline') wasOffline.current = true;
    else if (isConnected(status)) wasOffline.current = false;
  }, [status, announce]);
  return (
    <span className="status" data-status={status}>
      <span className="dot" aria-hidden />
      {NAMES[status]}
      {pending.length > 0 && <span className="pending">{changes(pending.length)} to send</span>}
    </span>
  );
}

interface Props {
  snapshot: Snapshot;
  settings: Settings;
  onRetry: () => void;
  onSignIn: () => void;
}

/** What the person can do if there is no connection. */
export function StatusNotice({ snapshot: { status, pending, isLoaded }, settings, onRetry, onSignIn }: Props) {
  if (status === 'signed-out') {
    return (
      <section className="notice" aria-label="Signed out">
        <p><strong>Your session has ended.</strong> Your tasks and changes are kept on this device. Sign in again to send them.</p>
        <button type="button" onClick={onSignIn}>Sign in again</button>
      </section>
    );
  }
  if (status === 'closed') {
    return (
      <section className="notice" aria-label="Closed">
        <p>You have signed out in another tab.</p>
        <button type="button" onClick={() => location.reload()}>Load the page again</button>
      </section>
    );
  }
  if (status !== 'offline') return null;
  if (!isLoaded) {
    return (
      <section className="notice" aria-label="No connection">
        <p><strong>The Task API at {settings.apiUrl} does not answer.</strong> If it runs on your machine, start it with <code>{apiCommand(settings)}</code></p>
        <button type="button" onClick={onRetry}>Try again</button>
      </section>
    );
  }
  return (
    <section className="notice" aria-label="Offline">
      <p>
        <strong>You are offline.</strong> You can go on working.
        {pending.length > 0 ? ` ${changes(pending.length)} will be sent when the server can be reached.` : ' Changes will be sent when the server can be reached.'}
      </p>
      <button type="button" onClick={onRetry}>Try now</button>
    </section>
  );
}
