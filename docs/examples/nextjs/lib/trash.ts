// The deleted tasks. They are on the server only.
import { createTaskClient, nextCursor, unwrap, type components } from 'task-api-client';

export type DeletedTask = components['schemas']['DeletedTask'];

export interface Trash {
  /** Returns all deleted tasks, the last deleted one first. */
  list(): Promise<DeletedTask[]>;
  /** Erases all of them. */
  empty(): Promise<void>;
}

export function trashOf(baseUrl: string, token: () => Promise<string>): Trash {
  const client = createTaskClient({ baseUrl, token });
  return {
    async list() {
      const all: DeletedTask[] = [];
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
        const { data, error, response } = await client.GET('/api/tasks/trash', { params: { query: { cursor } } });
        if (error) throw new Error(error.detail);
        all.push(...data);
        cursor = nextCursor(response);
      }
      return all;
    },
    empty: async () => void (await unwrap(client.DELETE('/api/tasks/trash'))),
  };
}
