// Waiting: back-off with jitter, and waits that can be ended early.

/** Returns the milliseconds before the next try after this many failures: between half of 1, 2, 4 … 60 s and all of it. */
export const backOff = (failures: number): number => Math.min(60_000, 1000 * 2 ** Math.min(failures - 1, 6)) * (0.5 + Math.random() / 2);

/** Ends waits early. A call of `wake` while nothing waits ends the next wait at once. */
export class Alarm {
  private isSet = false;
  private end: (() => void) | undefined;

  wake(): void {
    this.isSet = true;
    this.end?.();
  }

  /** Resolves after this time, or when it is woken. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.isSet && milliseconds > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(milliseconds, 2 ** 31 - 1));
        this.end = () => (clearTimeout(timer), resolve());
      });
      this.end = undefined;
    }
    this.isSet = false;
  }
}

/** Returns a random uuid, also on pages without https, where browsers have no `randomUUID`. */
export function uuid(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte, index) =>
    (index === 6 ? (byte & 15) | 64 : index === 8 ? (byte & 63) | 128 : byte).toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
