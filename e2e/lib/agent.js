// An agent that a user lets in with the official client: from the 401 of the server alone to an access token.
import { randomUUID } from 'node:crypto';

const REDIRECT = 'http://127.0.0.1/callback';

/**
 * Makes the OAuth provider of a client. It keeps in memory what a client stores. `authorize` is called with the address to which the
 * client would send its user, and its result is the code with which the user comes back.
 */
export function provider(scope) {
  const kept = {};
  return {
    kept,
    redirectUrl: REDIRECT,
    clientMetadata: {
      client_name: 'An agent', redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'], application_type: 'native', token_endpoint_auth_method: 'none', ...(scope && { scope }),
    },
    state: () => (kept.state ??= randomUUID()),
    clientInformation: () => kept.client,
    saveClientInformation: (client) => (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => (kept.tokens = tokens),
    redirectToAuthorization: (url) => (kept.authorization = url),
    saveCodeVerifier: (verifier) => (kept.verifier = verifier),
    codeVerifier: () => kept.verifier,
    discoveryState: () => kept.discovery,
    saveDiscoveryState: (state) => (kept.discovery = state),
  };
}

/** Goes with the user's browser to the authorization server, consents on its page, and returns the address with the code. */
export async function consent(auth, user, authorization) {
  const headers = { Cookie: user.cookie, Origin: auth.url };
  // A browser would be redirected; a script gets the address as JSON.
  const page = new URL((await (await fetch(authorization, { headers })).json()).url, auth.url);
  if (page.pathname !== '/consent') throw new Error(`expected the page of consent, not ${page}`);
  const answer = await fetch(`${auth.url}/api/auth/oauth2/consent`, {
    method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ accept: true, oauth_query: page.search.slice(1) }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return new URL((await answer.json()).url);
}
