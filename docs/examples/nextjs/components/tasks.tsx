// The list of tasks with all that belongs to it: adding, finding and the counts.
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import type { LocalTask, Snapshot, TaskStore } from 'task-api-client/sync';
import { useNow } from '@/hooks/use-now';
import { count, EVERYTHING, find, isFiltered, tagsOf } from '@/lib/find';
import { AddTask } from './add-task';
import { useFeedback } from './feedback';
import { FindTasks } from './find-tasks';
import { TaskRow } from './task-row';

// A page with thousands of rows is slow. Search and filters work on all tasks.
const PART = 200;

export function Tasks({ store, snapshot }: { store: TaskStore; snapshot: Snapshot }) {
  const { tasks, isLoaded } = snapshot;
  const now = useNow();
  const [asked, setAsked] = useState(EVERYTHING);
  const [limit, setLimit] = useState(PART);
  const list = useRef<HTMLUListElement>(null);
  const { announce, offerUndo } = useFeedback();
  const searched = useDeferredValue(asked); // typing stays fast if there are very many tasks
  const found = useMemo(() => find(tasks, searched, now), [tasks, searched, now]);
  const counts = useMemo(() => count(tasks, now), [tasks, now]);
  const tags = useMemo(() => tagsOf(tasks), [tasks]);

  // The row disappears. The focus goes to the one after it, so that people with a keyboard stay in the list.
  const moveFocus = (key: string) => {
    const row = list.current?.querySelector(`[data-task="${key}"]`);
    if (!row?.contains(document.activeElement)) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    (next?.querySelector<HTMLElement>('[type=checkbox]') ?? document.getElementById('new-task'))?.focus();
  };
  const complete = (task: LocalTask, isCompleted: boolean) => {
    if (asked.status !== 'all') moveFocus(task.key);
    store.setCompleted(task.id, isCompleted);
    announce(isCompleted ? `Completed: ${task.title}` : `To do again: ${task.title}`);
  };
  const remove = (task: LocalTask) => {
    moveFocus(task.key);
    store.remove(task.id);
    offerUndo(`Deleted “${task.title}”`, () => {
      store.restore(task);
      announce(`Restored: ${task.title}`);
    });
  };
  const showTag = (tag: string) => {
    setAsked({ ...asked, tag });
    announce(`Tasks with the tag ${tag}`);
  };

  return (
    <>
      <div className="title">
        <h1>Your tasks</h1>
        {isLoaded && <p className="hint">{counts.pending} to do{counts.overdue > 0 && <>, <span className="late">{counts.overdue} overdue</span></>}</p>}
      </div>
      <AddTask onAdd={(fields) => {
        store.create(fields);
        announce(`Added: ${fields.title}`);
      }} />
      <FindTasks asked={asked} counts={counts} tags={tags} onChange={setAsked} />
      {found.length > 0 && (
        <ul ref={list} className="tasks card" aria-label="Tasks">
          {found.slice(0, limit).map((task) => (
            <TaskRow
              key={task.key} task={task} now={now} onComplete={complete} onRemove={remove} onTag={showTag}
              onSave={(fields, opened) => {
                store.update(task.id, fields, opened);
                announce(`Saved: ${fields.title ?? task.title}`);
              }}
            />
          ))}
        </ul>
      )}
      {found.length > limit && <button type="button" className="quiet more" onClick={() => setLimit(limit + PART)}>Show more ({found.length - limit})</button>}
      {!isLoaded && found.length === 0 && snapshot.status !== 'offline' && <p role="status" className="empty">Loading your tasks…</p>}
      {isLoaded && found.length === 0 && (
        <div className="empty" role="status">
          {isFiltered(asked) && tasks.length > 0 ? <p>No task matches.</p> : <><p className="big">No tasks yet</p><p>Write down the first thing that you want to do.</p></>}
        </div>
      )}
    </>
  );
}
