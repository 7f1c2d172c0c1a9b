// The page. It has no data of a user: the service worker keeps it for the time without a network, and the browser has the tasks.
import { connection } from 'next/server';
import { App } from '@/components/app';
import { model } from '@/lib/server/model';
import { apiUrl, appUrl, tokenKind } from '@/lib/server/settings';

export default async function Page() {
  await connection(); // the settings are read when the app runs, not when it is built
  return <App settings={{ apiUrl, appUrl, tokenKind, hasChat: model() !== null }} />;
}
