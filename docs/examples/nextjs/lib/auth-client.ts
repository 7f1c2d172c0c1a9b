// Better Auth in the browser. Each function returns its data, or throws an error with a sentence for the user.
import { createAuthClient } from 'better-auth/client';

export interface User {
  id: string;
  email: string;
}

/** The field to which an error of the form belongs, if it is one. */
export class SignInError extends Error {
  constructor(message: string, readonly field?: 'email' | 'password') {
    super(message);
  }
}

const client = createAuthClient();

const SENTENCES: Record<string, SignInError> = {
  INVALID_EMAIL_OR_PASSWORD: new SignInError('The e-mail address or the password is wrong.', 'password'),
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: new SignInError('There is already an account with this e-mail address. Sign in instead.', 'email'),
  INVALID_EMAIL: new SignInError('This is not a complete e-mail address.', 'email'),
  VALIDATION_ERROR: new SignInError('This is not a complete e-mail address.', 'email'),
  PASSWORD_TOO_SHORT: new SignInError('The password must have at least 8 characters.', 'password'),
  PASSWORD_TOO_LONG: new SignInError('The password must have at most 128 characters.', 'password'),
  INVALID_ORIGIN: new SignInError('This app has another address. Open it at its BETTER_AUTH_URL, which is http://localhost:3000 if it is not set.'),
};

type Answer<Data> = { data: Data | null; error: { status: number; code?: string | undefined } | null };

async function ask<Data>(request: Promise<Answer<Data>>): Promise<Data | null> {
  const { data, error } = await request.catch(() => {
    throw new SignInError('This app cannot be reached. Are you online?');
  });
  if (error?.status === 429) throw new SignInError('Too many attempts. Please wait a moment, then try again.');
  if (error) throw SENTENCES[error.code ?? ''] ?? new SignInError('Signing in does not work at the moment. Please try again later.');
  return data;
}

/** Returns the signed-in user, or null. */
export async function currentUser(): Promise<User | null> {
  const session = await ask(client.getSession());
  return session && { id: session.user.id, email: session.user.email };
}

export async function signIn(email: string, password: string): Promise<User> {
  return userOf(await ask(client.signIn.email({ email, password })));
}

export async function signUp(email: string, password: string): Promise<User> {
  return userOf(await ask(client.signUp.email({ email, password, name: email.split('@')[0] ?? email })));
}

export async function signOut(): Promise<void> {
  await ask(client.signOut());
}

function userOf(answer: { user: User } | null): User {
  if (!answer) throw new SignInError('Signing in does not work at the moment. Please try again later.');
  return { id: answer.user.id, email: answer.user.email };
}
