import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventParser } from '../dist/sync/stream.js';

const text = ': hello\r\nretry: 1500\r\nevent: state\r\nid: 7\r\ndata: {"state": 7}\r\n\r\n:\n\nevent: change\ndata:one\ndata: two\n\nid: 8\rdata:  x\r\rnoise\nretry: soon\n\nevent: resync\n\n';
const events = [
  { event: 'state', data: '{"state": 7}', id: '7' },
  { event: 'change', data: 'one\ntwo', id: '7' },
  { event: 'message', data: ' x', id: '8' },
  { event: 'resync', data: '', id: '8' },
];

test('events are the same however the stream is cut', () => {
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.parse(text.slice(at, at + size)));
    assert.deepEqual(found, events, `parts of ${size}`);
    assert.equal(parser.retry, 1500);
  }
});

test('an event that is not complete is not returned', () => {
  assert.deepEqual(new EventParser().parse('event: change\ndata: {"type'), []);
  assert.deepEqual(new EventParser().parse('data: x\n'), []);
});
