import { SHORTCUTS } from '@/hooks/use-shortcuts';
import { Dialog } from './dialog';

interface Props {
  areOn: boolean;
  onChange: (areOn: boolean) => void;
  onClose: () => void;
}

/** The list of the keys, and the switch that turns them off. */
export function Shortcuts({ areOn, onChange, onClose }: Props) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>{keys.split(' ').map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={areOn} onChange={(event) => onChange(event.target.checked)} /> Use these keys
      </label>
      <div className="buttons"><button type="button" onClick={onClose}>Close</button></div>
    </Dialog>
  );
}
