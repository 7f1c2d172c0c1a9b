// What the app reports: to screen readers, and in a bar with a button that takes the last action back.
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';

interface Undo {
  text: string;
  undo: () => void;
}

export interface Feedback {
  /** Reads a text to people with a screen reader. */
  announce(text: string): void;
  /** Shows and reads a text, with the button "Undo". */
  offerUndo(text: string, undo: () => void): void;
}

const Context = createContext<Feedback>({ announce: () => {}, offerUndo: () => {} });

export const useFeedback = (): Feedback => useContext(Context);

// Long enough to read the text and to reach the button. What was deleted is in the trash afterwards.
const SHOWN_FOR = 15_000;

export function FeedbackProvider({ children }: { children: ReactNode }) {
  const [spoken, setSpoken] = useState({ text: '', turn: 0 });
  const [offer, setOffer] = useState<Undo>();
  const [isHeld, setHeld] = useState(false);
  const bar = useRef<HTMLElement>(null);
  const focusBefore = useRef<Element | null>(null);

  const announce = useCallback((text: string) => setSpoken(({ turn }) => ({ text, turn: turn + 1 })), []);
  const feedback = useMemo<Feedback>(() => ({
    announce,
    offerUndo(text, undo) {
      announce(text);
      setHeld(false);
      setOffer({ text, undo });
    },
  }), [announce]);

  useEffect(() => {
    if (!offer || isHeld) return;
    const timer = setTimeout(() => setOffer(undefined), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [offer, isHeld]);

  const take = () => {
    offer?.undo();
    setOffer(undefined);
    if (!bar.current?.contains(document.activeElement)) return; // by the key
    if (focusBefore.current instanceof HTMLElement && focusBefore.current.isConnected) focusBefore.current.focus();
    else document.getElementById('new-task')?.focus();
  };

  return (
    <Context.Provider value={feedback}>
      {children}
      <div role="status" className="for-screen-readers">{/* the same text twice is a change */}{spoken.text}{spoken.turn % 2 ? '\u00a0' : ''}</div>
      {offer && (
        <section
          ref={bar} className="undo" aria-label="Last action"
          onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)}
          onFocus={({ relatedTarget }) => {
            focusBefore.current = relatedTarget;
            setHeld(true);
          }}
          onBlur={() => setHeld(false)}
        >
          <span>{offer.text}</span>
          <button id="undo" type="button" title="Undo (u)" onClick={take}>Undo</button>
          <button type="button" className="icon" aria-label="Close" onClick={() => setOffer(undefined)}>✕</button>
        </section>
      )}
    </Context.Provider>
  );
}
