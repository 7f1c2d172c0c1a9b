// The page of a signed-in user.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTasks } from 'task-api-client/react';
import { useChat } from '@/hooks/use-chat';
import { useShortcuts, useShortcutSetting } from '@/hooks/use-shortcuts';
import { useStore } from '@/hooks/use-store';
import { useView } from '@/hooks/use-view';
import type { User } from '@/lib/auth-client';
import type { Settings } from '@/lib/settings';
import { tokenOf } from '@/lib/token';
import { trashOf } from '@/lib/trash';
import { AccountMenu } from './account-menu';
import { Chat } from './chat';
import { Conflicts } from './conflicts';
import { FailedWrites } from './failed-writes';
import { ChatIcon, KeyboardIcon, TrashIcon } from './icons';
import { Shortcuts } from './shortcuts';
import { Status, StatusNotice } from './status';
import { Tasks } from './tasks';
import { TrashView } from './trash-view';

interface Props {
  settings: Settings;
  user: User;
  onSignInAgain: () => void;
  onLeave: () => Promise<void>;
}

export function Board({ settings, user, onSignInAgain, onLeave }: Props) {
  const store = useStore(settings, user.id);
  const snapshot = useTasks(store);
  const view = useView();
  const conversation = useChat(settings, user.id); // here, so that it stays while the panel is closed
  const [isChatOpen, setChatOpen] = useState(false);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [areShortcutsOn, setShortcuts] = useShortcutSetting();
  const showHelp = useCallback(() => setHelpOpen(true), []);
  useShortcuts(areShortcutsOn, showHelp);
  const trash = useMemo(() => trashOf(settings.apiUrl, tokenOf(user.id, settings.tokenKind)), [settings, user.id]);
  const main = useRef<HTMLElement>(null);
  const viewBefore = useRef(view);
  useEffect(() => {
    if (viewBefore.current !== view) main.current?.focus(); // as after the load of another page
    viewBefore.current = view;
  }, [view]);

  // Another tab has signed out, and the copy is deleted.
  const isClosed = snapshot.status === 'closed';

  return (
    <>
      <header className="top">
        <a className="brand" href="#" aria-label="Tasks: all tasks"><span className="logo" aria-hidden>✓</span> Tasks</a>
        <Status snapshot={snapshot} />
        <nav aria-label="Views and settings">
          {settings.hasChat && (
            <button
              type="button" className="icon" aria-label="Chat" title="Chat" aria-expanded={isChatOpen} aria-controls={isChatOpen ? 'chat' : undefined}
              onClick={() => setChatOpen(!isChatOpen)}
            ><ChatIcon /></button>
          )}
          <button type="button" className="icon" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={showHelp}><KeyboardIcon /></button>
          <a className="icon" href="#trash" aria-label="Trash" title="Trash" aria-current={view === 'trash' ? 'page' : undefined}><TrashIcon /></a>
          {store && <AccountMenu user={user} store={store} pending={snapshot.pending.length} onLeave={onLeave} />}
        </nav>
      </header>
      <main ref={main} tabIndex={-1} className="board">
        <StatusNotice snapshot={snapshot} settings={settings} onRetry={() => store?.refresh()} onSignIn={onSignInAgain} />
        {store && !isClosed && (
          <>
            {isChatOpen && <Chat conversation={conversation} />}
            <Conflicts store={store} snapshot={snapshot} />
            <FailedWrites store={store} failed={snapshot.failed} />
            {view === 'trash' ? <TrashView store={store} snapshot={snapshot} trash={trash} /> : <Tasks store={store} snapshot={snapshot} />}
          </>
        )}
      </main>
      {isHelpOpen && <Shortcuts areOn={areShortcutsOn} onChange={setShortcuts} onClose={() => setHelpOpen(false)} />}
    </>
  );
}
