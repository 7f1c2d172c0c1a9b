import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog, open while it is rendered. Esc closes it, and the focus returns to the place where it was. */
export function Dialog({ title, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // A layout effect ends before the dialog is removed from the page. Only then does the browser return the focus.
  useLayoutEffect(() => {
    const { current } = dialog;
    current?.showModal();
    return () => current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** A question before an action that cannot be undone. */
export function Confirmation({ title, action, onClose, onConfirm, children }: Props & { action: string; onConfirm: () => void }) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div className="buttons">
        <button type="button" className="danger" onClick={() => (onConfirm(), onClose())}>{action}</button>
        <button type="button" className="quiet" onClick={onClose}>Cancel</button>
      </div>
    </Dialog>
  );
}
