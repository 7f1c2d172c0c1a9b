// The icons, which are hidden from screen readers: the buttons have labels.
import type { ReactNode } from 'react';

const icon = (paths: ReactNode) => function Icon() {
  return (
    <svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden>
      {paths}
    </svg>
  );
};

export const EditIcon = icon(<><path d="M4 20h4L19 9l-4-4L4 16z" /><path d="M13.5 6.5l4 4" /></>);
export const TrashIcon = icon(<><path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13" /><path d="M10 11v5M14 11v5" /></>);
export const CalendarIcon = icon(<><rect x="4" y="5" width="16" height="15" rx="2" /><path d="M4 10h16M8 3v4M16 3v4" /></>);
export const SearchIcon = icon(<><circle cx="11" cy="11" r="6" /><path d="M20 20l-4.5-4.5" /></>);
export const CheckIcon = icon(<path d="M5 12.5l5 5L19 7" />);
export const KeyboardIcon = icon(<><rect x="3" y="6" width="18" height="12" rx="2" /><path d="M7 10h.01M11 10h.01M15 10h.01M8 14h8" /></>);
export const ChatIcon = icon(<path d="M4 5h16v11H10l-5 4v-4H4z" />);
export const BackIcon = icon(<path d="M19 12H5m6-6l-6 6 6 6" />);
export const WarningIcon = icon(<><path d="M12 4l9 16H3z" /><path d="M12 10v4M12 17h.01" /></>);
