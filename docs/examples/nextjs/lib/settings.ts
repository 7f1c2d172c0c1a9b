import type { TokenKind } from './token';

/** What the browser must know of the settings of the app. */
export interface Settings {
  apiUrl: string;
  appUrl: string;
  tokenKind: TokenKind;
  /** True if there is a model for the chat. */
  hasChat: boolean;
}

/** Returns the command that starts the Task API beside this app. */
export const apiCommand = ({ appUrl, tokenKind }: Settings): string =>
  (tokenKind === 'hs256' ? 'BETTER_AUTH_SECRET=… cargo run -p api' : `BETTER_AUTH_URL=${appUrl} cargo run -p api`);
