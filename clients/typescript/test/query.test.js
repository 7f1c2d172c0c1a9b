import assert from 'node:assert/strict';
import { test } from 'node:test';
import { querySerializer } from '../dist/index.js';

test('values of an array are separated by commas, and tags are repeated', () => {
  assert.equal(querySerializer({ priority: ['high', 'medium'], sort: ['-priority', 'due_date'] }), 'priority=high%2Cmedium&sort=-priority%2Cdue_date');
  assert.equal(querySerializer({ tag: ['a, b', 'c&d'] }), 'tag=a%2C+b&tag=c%26d');
});

test('single values keep their type of text, and what is not there is left out', () => {
  assert.equal(querySerializer({ limit: 50, search: 'Crème', tag: [], sort: [], cursor: undefined, tz: null }), 'limit=50&search=Cr%C3%A8me');
  assert.equal(querySerializer({}), '');
});
