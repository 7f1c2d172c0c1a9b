// The keys that work without a modifier.
import { useEffect, useState } from 'react';

export const SHORTCUTS: readonly (readonly [keys: string, meaning: string])[] = [
  ['n', 'Write a new task'],
  ['/', 'Search'],
  ['↓ ↑', 'Go to the next task, or the one before'],
  ['Space', 'Complete the task, or take that back'],
  ['e', 'Edit the task'],
  ['Del', 'Delete the task'],
  ['u', 'Undo the last deletion, while the bar is shown'],
  ['Esc', 'Close the editor'],
  ['?', 'Show these keys'],
];

const KEY = 'shortcuts';

/** Returns whether the keys are on, and a function that changes it. People who dictate can turn them off (WCAG 2.2, 2.1.4). */
export function useShortcutSetting(): [boolean, (isOn: boolean) => void] {
  const [isOn, setOn] = useState(true);
  useEffect(() => setOn(localStorage.getItem(KEY) !== 'off'), []);
  return [isOn, (isOn) => {
    localStorage.setItem(KEY, isOn ? 'on' : 'off');
    setOn(isOn);
  }];
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');

// The row of the task that has the focus.
const focusedRow = () => document.activeElement?.closest<HTMLElement>('[data-task]');

function moveFocus(step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-task]')];
  const row = focusedRow();
  const index = row ? rows.indexOf(row) + step : step === 1 ? 0 : -1;
  const box = rows[index]?.querySelector<HTMLElement>('[type=checkbox]');
  box?.focus();
  return box !== undefined && box !== null;
}

function click(button: HTMLElement | null | undefined): boolean {
  button?.click();
  return button !== undefined && button !== null;
}

const press = (action: string): boolean => click(focusedRow()?.querySelector<HTMLElement>(`[data-action=${action}]`));

const focus = (id: string): boolean => {
  const field = document.getElementById(id);
  field?.focus();
  return field !== null;
};

/** Handles the keys while they are on, no field has the focus, and no dialog is open. */
export function useShortcuts(isOn: boolean, showHelp: () => void): void {
  useEffect(() => {
    if (!isOn) return;
    const actions: Record<string, () => boolean> = {
      'n': () => focus('new-task'),
      '/': () => focus('search'),
      'e': () => press('edit'),
      'Delete': () => press('remove'),
      'Backspace': () => press('remove'),
      'u': () => click(document.getElementById('undo')),
      'ArrowDown': () => moveFocus(1),
      'ArrowUp': () => moveFocus(-1),
      '?': () => (showHelp(), true),
    };
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector('dialog[open]')) return;
      const isInSearch = document.activeElement?.id === 'search' && event.key === 'ArrowDown'; // goes to the first result
      if (isTyping(event.target) && !isInSearch) return;
      if (event.key.startsWith('Arrow') && !focusedRow() && !isInSearch) return; // the page scrolls
      if (actions[event.key]?.()) event.preventDefault();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [isOn, showHelp]);
}
