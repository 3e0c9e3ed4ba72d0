/**
 * Outputs: queues in front of a writer that may be slow, stuck, full or gone.
 *
 * @module
 */

import { concatenate } from "../framing/receive_buffer.ts";
import type { JobOutput, LogOutput, Output } from "./terminal.ts";

/** Hands bytes to the system. It must not block the event loop. */
export interface Writer {
  /** Whether it is a terminal, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** How many columns the terminal has; `undefined` when it is none. */
  readonly columns: number | undefined;
  /** How many rows the terminal has; `undefined` when it is none. */
  readonly rows: number | undefined;
  /**
   * Writes some of the bytes, or all. Resolves to how many; rejects with an error that has a `code`, which is `EAGAIN` when
   * there is no room at the moment. Only one call is under way at a time.
   */
  write(bytes: Uint8Array): Promise<number>;
}

/** The event loop, as far as an output needs it. */
export interface Loop {
  /** Runs `run` when the current tick of the event loop is over. */
  defer(run: () => void): void;
  /** Runs `run` once after so many milliseconds. Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}

/** The most bytes that wait to be written: from then on callers wait, or lines are dropped. */
export const OUTPUT_LIMIT: number = 256 * 1024;

/** Bytes from which a write starts before the tick of the event loop is over. */
const WRITE_AT = 64 * 1024;

/** The memory that a waiting part costs besides its bytes, about. */
const PART_COST = 128;

/** The first and the longest wait before a writer without room is tried again, in milliseconds. */
const SOON = 1;
const LATER = 64;

const NEWLINE = 10;
const DONE = Promise.resolve();
const encoder = new TextEncoder();

/** Joins everything that one tick of the event loop writes into one write, one write at a time. */
abstract class Queue implements Output {
  readonly #open: () => Writer;
  readonly #loop: Loop;
  #writer: Writer | undefined;
  #parts: Uint8Array[] = [];
  /** Bytes that wait or are under way. */
  #held = 0;
  #isScheduled = false;
  #isRunning = false;
  /** Calls of `flush` that wait. */
  #flushing: (() => void)[] = [];

  /** Makes an empty queue. `open` is called when the writer is first needed, since it takes time on some runtimes. */
  constructor(open: () => Writer, loop: Loop) {
    this.#open = open;
    this.#loop = loop;
  }

  abstract readonly broken: AbortSignal;
  abstract write(data: string | Uint8Array): Promise<void>;

  get isTerminal(): boolean {
    return this.#opened.isTerminal;
  }

  get columns(): number | undefined {
    return this.#opened.columns;
  }

  get rows(): number | undefined {
    return this.#opened.rows;
  }

  flush(): Promise<void> {
    this.#start();
    return this.#isRunning ? new Promise((resolve) => this.#flushing.push(resolve)) : DONE;
  }

  /** Whether so many more bytes are over the limit. */
  protected hasNoRoomFor(length: number): boolean {
    return this.#held + length + PART_COST > OUTPUT_LIMIT;
  }

  protected add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#held += bytes.length + PART_COST;
    if (this.#held >= WRITE_AT) this.#start();
    else this.schedule();
  }

  /** Writes when the current tick of the event loop is over. */
  protected schedule(): void {
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    this.#loop.defer(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  /** The next bytes to write, made of all parts that wait; `undefined`: nothing is to be written. */
  protected abstract batch(parts: readonly Uint8Array[]): Uint8Array | undefined;

  /** The first `length` bytes of the batch are written: all, or those before the error. */
  protected abstract written(batch: Uint8Array, length: number, error: unknown): void;

  get #opened(): Writer {
    return this.#writer ??= this.#open();
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      const batch = this.batch(this.#parts);
      if (batch === undefined) break;
      this.#parts = [];
      const before = this.#held;
      const { length, error } = await this.#writeAll(batch);
      this.#held -= before;
      this.written(batch, length, error);
    }
    this.#isRunning = false;
    for (const resolve of this.#flushing.splice(0)) resolve();
  }

  async #writeAll(bytes: Uint8Array): Promise<{ length: number; error: unknown }> {
    let length = 0;
    for (let wait = SOON; length < bytes.length;) {
      try {
        length += await this.#opened.write(bytes.subarray(length));
        wait = SOON;
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code === "EAGAIN") {
          await new Promise<void>((resolve) => void this.#loop.after(wait, resolve));
          wait = Math.min(LATER, wait * 2);
        } else if (code !== "EINTR") {
          return { length, error };
        }
      }
    }
    return { length, error: undefined };
  }
}

/** The output of a command's results: writing waits for room, and the first error ends it. */
export class PatientOutput extends Queue implements JobOutput {
  readonly #broken: AbortController = new AbortController();
  #waiting: (() => void)[] = [];
  #isReleased = false;

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.#broken.signal.aborted) return DONE;
    this.add(bytesOf(data));
    if (this.#isReleased || !this.hasNoRoomFor(0)) return DONE;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    this.#isReleased = true;
    this.#wake();
  }

  protected batch(parts: readonly Uint8Array[]): Uint8Array | undefined {
    return parts.length === 0 || this.#broken.signal.aborted ? undefined : join(parts);
  }

  protected written(_batch: Uint8Array, _length: number, error: unknown): void {
    if (error !== undefined) this.#broken.abort(error);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/**
 * The output of log lines: writing never waits, and a failed write is no error. Lines without room and lines that cannot be
 * written are dropped and counted, and a notice with the count is written in their place.
 */
export class LossyOutput extends Queue implements LogOutput {
  readonly broken: AbortSignal = new AbortController().signal;
  notice: (lines: number) => string = (lines) => `mobcast: ${lines} lines could not be written\n`;
  /** Lines that were dropped and are not in a notice. */
  #lost = 0;
  /** Whether a line was dropped since the last write: then the dropped lines came after all parts that wait. */
  #isFull = false;
  /** Whether the last write ended inside a line. */
  #isTorn = false;
  /** Whether a notice is due even when no line comes. */
  #isLast = false;
  /** Where the notice is in the batch under way, and how many lines it counts. */
  #told: { readonly start: number; readonly end: number; readonly lines: number } = { start: 0, end: 0, lines: 0 };

  write(data: string | Uint8Array): Promise<void> {
    const bytes = bytesOf(data);
    this.#isFull ||= this.hasNoRoomFor(bytes.length);
    if (!this.#isFull) {
      this.add(bytes);
    } else {
      this.#lost += countLines(bytes, 0);
      this.schedule();
    }
    return DONE;
  }

  override flush(): Promise<void> {
    this.#isLast = true;
    return super.flush();
  }

  protected batch(parts: readonly Uint8Array[]): Uint8Array | undefined {
    const lines = this.#lost;
    if (parts.length === 0 && !(lines > 0 && (this.#isFull || this.#isLast))) {
      this.#isFull = this.#isLast = false;
      return undefined;
    }
    const lead = this.#isTorn ? [Uint8Array.of(NEWLINE)] : [];
    const notice = lines > 0 ? encoder.encode(this.notice(lines)) : new Uint8Array(0);
    const before = this.#isFull ? [...lead, ...parts] : lead;
    const start = before.reduce((sum, part) => sum + part.length, 0);
    this.#told = { start, end: start + notice.length, lines };
    const batch = join([...before, notice, ...(this.#isFull ? [] : parts)]);
    this.#isFull = this.#isLast = false;
    return batch;
  }

  protected written(batch: Uint8Array, length: number, error: unknown): void {
    const { start, end, lines } = this.#told;
    const wasTorn = this.#isTorn;
    if (length > 0) this.#isTorn = batch[length - 1] !== NEWLINE && error !== undefined;
    if (length >= end) this.#lost -= lines;
    if (error === undefined) return;
    // Neither the newline that ends a torn line nor the notice counts as a lost line.
    const first = Math.max(length, wasTorn ? 1 : 0);
    this.#lost += countLines(batch, first) - countLines(batch.subarray(0, end), Math.max(first, start));
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  return concatenate(parts, parts.reduce((sum, part) => sum + part.length, 0));
}

function countLines(bytes: Uint8Array, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, from); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
