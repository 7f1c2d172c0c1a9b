// The format `text/event-stream` (WHATWG HTML, section 9.2.6).

/** An event. `id` is that of the last event that had one. */
export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

/** Takes the parts of a stream, however they are cut, and returns the events that are complete. */
export class EventParser {
  /** The time before the next connection, in milliseconds, if the server has sent one. */
  retry: number | undefined;

  private rest = '';
  private event = '';
  private id = '';
  private data: string[] = [];

  parse(text: string): ServerEvent[] {
    // A line ends with CR, LF or both. A CR at the end can be half of both.
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): ServerEvent[] {
    if (line === '') {
      // Browsers drop an event without data. Here its name is enough.
      const events = this.event || this.data.length > 0 ? [{ event: this.event || 'message', data: this.data.join('\n'), id: this.id }] : [];
      this.event = '';
      this.data = [];
      return events;
    }
    const [, name, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id') this.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return []; // others are comments and unknown fields
  }
}
