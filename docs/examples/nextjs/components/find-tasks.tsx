import type { ReactNode } from 'react';
import { EVERYTHING, isFiltered, type Counts, type Find } from '@/lib/find';
import { SearchIcon } from './icons';

interface Props {
  asked: Find;
  counts: Counts;
  tags: readonly string[];
  onChange: (asked: Find) => void;
}

const STATUSES = [['all', 'All'], ['pending', 'To do'], ['completed', 'Done']] as const;

/** The search, the filters and the order. */
export function FindTasks({ asked, counts, tags, onChange }: Props) {
  const choice = <Name extends 'priority' | 'tag' | 'due' | 'sort'>(name: Name, label: string, options: ReactNode) => (
    <select aria-label={label} value={asked[name]} data-set={asked[name] !== EVERYTHING[name]} onChange={({ target }) => onChange({ ...asked, [name]: target.value })}>
      {options}
    </select>
  );
  return (
    <search className="find">
      <div className="search">
        <SearchIcon />
        <input id="search" type="search" aria-label="Search" placeholder="Search" value={asked.search} onChange={({ target }) => onChange({ ...asked, search: target.value })} />
      </div>
      <fieldset className="segments" aria-label="Show">
        {STATUSES.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name="status" value={value} checked={asked.status === value} onChange={() => onChange({ ...asked, status: value })} />
            {label} <span className="number">{counts[value]}</span>
          </label>
        ))}
      </fieldset>
      <div className="choices">
        {choice('priority', 'Priority', <>
          <option value="">Any priority</option><option value="high">High</option><option value="medium">Medium</option>
          <option value="low">Low</option><option value="none">No priority</option>
        </>)}
        {choice('due', 'Due', <>
          <option value="">Any date</option><option value="overdue">Overdue</option><option value="today">Today</option>
          <option value="week">In 7 days</option><option value="none">No date</option>
        </>)}
        {choice('tag', 'Tag', <>
          <option value="">Any tag</option>
          {asked.tag && !tags.includes(asked.tag) && <option>{asked.tag}</option>}
          {tags.map((tag) => <option key={tag}>{tag}</option>)}
        </>)}
        {choice('sort', 'Order', <>
          <option value="newest">Newest first</option><option value="oldest">Oldest first</option><option value="due">Due first</option>
          <option value="priority">Important first</option><option value="title">A to Z</option><option value="changed">Last changed first</option>
        </>)}
        {isFiltered(asked) && <button type="button" className="quiet" onClick={() => onChange({ ...EVERYTHING, sort: asked.sort })}>Show all</button>}
      </div>
    </search>
  );
}
