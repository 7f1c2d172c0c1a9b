// A small HTTP server that gives prepared answers.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTaskClient } from '../../dist/index.js';

/**
 * Runs a test with a server that gives these answers in turn, the last one again and again. An answer is `{ status, headers, body }`, with an
 * object as its body, or a function of the received request that returns one. A status of 0 breaks the connection.
 */
export async function withServer(answers, use) {
  const received = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const token = headers.authorization?.replace('Bearer ', '');
    const key = headers['idempotency-key'];
    received.push({ method, url, token, ...(key && { key }), body: Buffer.concat(chunks).toString() });
    const answer = answers[Math.min(received.length, answers.length) - 1];
    const { status = 200, headers: own, body = [] } = typeof answer === 'function' ? await answer(received.at(-1)) : answer;
    if (status === 0) return request.socket.destroy();
    response.writeHead(status, { 'Content-Type': 'application/json', ...own });
    response.end(status === 204 ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  const client = (options) => createTaskClient({ baseUrl, token: async () => 'token', ...options });
  try {
    await use({ client, received, baseUrl });
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

/** Returns an answer with an error as the Task API has it. */
export const problem = (status, code, headers, errors) =>
  ({ status, headers, body: { detail: `The sentence of ${code}`, message: `The sentence of ${code}`, code, ...(errors && { errors }) } });
