import type { Metadata, Viewport } from 'next';
import type { ReactNode } from 'react';
import '@/styles/base.css';
import '@/styles/controls.css';
import '@/styles/page.css';
import '@/styles/sign-in.css';
import '@/styles/tasks.css';
import '@/styles/notices.css';
import '@/styles/chat.css';

export const metadata: Metadata = {
  title: 'Tasks',
  description: 'A task list that is live in every window and works offline',
  robots: { index: false },
};

export const viewport: Viewport = {
  colorScheme: 'light dark',
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#f4f5f8' },
    { media: '(prefers-color-scheme: dark)', color: '#101217' },
  ],
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
