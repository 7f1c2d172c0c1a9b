import { useState, type FormEvent } from 'react';
import type { Task } from 'task-api-client';
import type { Conflict, TaskFields } from 'task-api-client/sync';
import { tagList } from '@/lib/draft';
import { both, FIELD_NAMES, isText, type TextName } from '@/lib/values';

interface Props {
  conflict: Conflict;
  theirs: Task;
  onSave: (fields: TaskFields) => void;
  onCancel: () => void;
}

/** An editor that begins with both texts. Fields that are no texts take the person's value. */
export function ConflictEditor({ conflict: { fields, mine }, theirs, onSave, onCancel }: Props) {
  const names = fields.filter(isText);
  const [texts, setTexts] = useState(() => new Map<TextName, string>(names.map((name) => [name, both(mine, theirs, name)])));
  const save = (event: FormEvent) => {
    event.preventDefault();
    const written = Object.fromEntries([...texts].map(([name, text]) => [name, name === 'tags' ? tagList(text) : text]));
    onSave({ ...mine, ...written });
  };
  return (
    <form className="editor" aria-label="Edit both versions" onSubmit={save}>
      {names.map((name) => {
        const field = { value: texts.get(name), onChange: (event: { target: { value: string } }) => setTexts(new Map(texts).set(name, event.target.value)) };
        return (
          <label key={name} className="wide">
            {FIELD_NAMES[name]}
            {name === 'description' ? <textarea rows={4} maxLength={1000} {...field} /> : <input maxLength={name === 'title' ? 200 : undefined} required={name === 'title'} {...field} />}
          </label>
        );
      })}
      <div className="buttons">
        <button>Save</button>
        <button type="button" className="quiet" onClick={onCancel}>Back</button>
      </div>
    </form>
  );
}
