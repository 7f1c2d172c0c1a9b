import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { useTasks } from '../dist/react.js';
import { until, withStores } from './lib/store.js';

const List = ({ store }) => {
  const { status, tasks } = useTasks(store);
  return `${status}: ${tasks.length}`;
};

test('on a server and without a store the list is loading', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Milk' });
  const store = open();
  await until(() => store.status === 'live');
  for (const one of [undefined, null, store]) assert.equal(renderToString(createElement(List, { store: one })), 'loading: 0');
}));
