// A provider of models that answers with a script, over HTTP and in OpenAI's format (chat completions, streamed).
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

/** A step of a script: the model calls this tool. */
export const calls = (name, input) => ({
  tool_calls: [{ index: 0, id: `call-${name}`, type: 'function', function: { name, arguments: JSON.stringify(input) } }],
});
/** A step of a script: the model answers with this text. */
export const says = (content) => ({ content });
/** A step of a script: the model begins to answer, and never ends. */
export const HANGS = { content: 'Well' };

/** Starts the provider. `play` sets the steps of the next conversation, and forgets the requests of the one before. */
export async function startModelProvider() {
  let steps = [];
  const requests = [];
  let left;
  const leaving = new Promise((resolve) => (left = resolve));
  const server = createServer(async (request, response) => {
    const step = steps[requests.length];
    requests.push({ url: request.url, headers: request.headers, body: await json(request) });
    if (!step) return response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":{"message":"a secret of the provider"}}');
    const chunk = (delta, reason = null) => `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    if (step === HANGS) {
      response.once('close', left);
      return response.write(chunk({ role: 'assistant', ...step }));
    }
    return response.end(chunk({ role: 'assistant', ...step }) + chunk({}, step.tool_calls ? 'tool_calls' : 'stop') + 'data: [DONE]\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    requests,
    /** Resolves when a client has left an answer that hangs. */
    leaving,
    play(...script) {
      steps = script;
      requests.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
