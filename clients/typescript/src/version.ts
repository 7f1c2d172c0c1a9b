import type { Task } from './types.js';

/**
 * Returns the header with which a write is done only if the task still has this version: otherwise the answer is 412, with the current
 * task. It is made from `version` and not from the `ETag` of an answer, because a proxy that compresses answers can make that tag weak,
 * and a weak tag never matches.
 */
export const ifMatch = ({ version }: Pick<Task, 'version'>): { 'If-Match': string } => ({ 'If-Match': `"${version}"` });
