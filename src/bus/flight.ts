/**
 * The flight: brings one batch into the stream, however often that takes. A large one goes in pieces, each after the one
 * before is back, because only one message may be on its way: what an engine drops of several, and what it stores of them, is
 * not in order.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { BusStream } from "../contract/bus_stream.ts";

/** Milliseconds before a piece is appended again; twice as many at most. */
const PAUSE = 100;

/**
 * Milliseconds after which what is stored should be back. An engine that has lost it again (its stream was emptied) says so
 * only when the next message comes, and there may be none until this one is back.
 */
const STORED = 5_000;

/** After so many failures in a row the engine counts as away: one may be a connection that has broken. */
const STUCK = 2;

/** How many ranges of missing messages are remembered for an answer that comes late. */
const MOST_GAPS = 32;

/** What a flight needs. */
export interface FlightOptions {
  readonly stream: Pick<BusStream, "append">;
  readonly clock: Pick<Adapter, "after">;
  readonly random: () => number;
  /** The node, as a part of the ids of messages. */
  readonly node: string;
  /** Whether something waits to be read. */
  isBehind(): boolean;
  /** The most bytes of a piece, now. */
  pieceSize(): number;
  /** The message of a piece. */
  message(number: number, start: number, piece: Uint8Array, isLast: boolean): Uint8Array;
  /** Whether the engine stores nothing of what is appended: there may be no leader. */
  stuck(isStuck: boolean): void;
  /** The piece from where the batch is back was stored, and is missing in the stream: others may have got it. */
  lost(piece: Uint8Array, isLast: boolean): void;
}

/** A piece that was appended. */
interface Attempt {
  readonly start: number;
  readonly end: number;
  /** The life of the stream in which it was appended. */
  readonly life: number;
  /** Where it is; `undefined`: that is not known yet. */
  sequence: number | undefined;
}

/** A batch on its way. */
interface Batch {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Brings one batch at a time into a stream. */
export class Flight {
  /** How many messages were appended again. */
  resent = 0;
  readonly #options: FlightOptions;
  #batch: Batch | undefined;
  /** The batch that came back last, in case that it was another with its number. */
  #last: Batch | undefined;
  /** How much of the batch is back. */
  #back = 0;
  /** Where the next piece begins: before that, when all of it goes again. */
  #next = 0;
  #attempt: Attempt | undefined;
  /** How many appended messages have no answer. */
  #unanswered = 0;
  /** Answers in a row that are not known. */
  #failures = 0;
  /** The next piece goes again, after a pause. */
  #again = false;
  /** Of the pause, or of waiting for what is stored. */
  #cancel: (() => void) | undefined;
  /** Goes into ids: under another one the engine stores what it stored before. */
  #generation = 0;
  /** The lives of the stream, as told and as read. */
  #toldLife = 0;
  #readLife = 0;
  /** The sequence that was read last. */
  #position = 0;
  /** What was missing since the batch was taken: from and to, without the latter. */
  #gaps: [number, number][] = [];
  #away = true;

  constructor(options: FlightOptions) {
    this.#options = options;
  }

  /** The number of the batch on its way; `undefined`: there is none. */
  get number(): number | undefined {
    return this.#batch?.number;
  }

  /** Takes a batch. There must be none on its way. */
  write(number: number, bytes: Uint8Array): void {
    this.#batch = { number, bytes };
    this.#last = undefined;
    this.#gaps = [];
    this.#begin(0);
    this.#send();
  }

  /** So much of the batch is back. */
  returned(end: number): void {
    if (end <= this.#back) return;
    if (this.#next < this.#back) {
      // What came before that still goes again.
      this.#back = end;
      return;
    }
    this.#begin(end);
    this.#send();
  }

  /** All of the batch is back. */
  landed(): void {
    this.#last = this.#batch;
    this.#batch = undefined;
    this.#begin(0);
  }

  /** What landed was another batch with its number: this one is still on its way. */
  refused(): void {
    this.#batch = this.#last;
    this.#last = undefined;
    this.#begin(0);
    this.#repeat(true);
  }

  /** A message was read, and was not one of the batch that had not come back. */
  read(sequence: number): void {
    this.#position = sequence;
    this.#compare();
  }

  /** Messages are missing. */
  missed(from: number, to: number): void {
    this.#position = to - 1;
    if (this.#batch) this.#gaps.push([from, to]);
    if (this.#gaps.length > MOST_GAPS) this.#gaps.shift();
    this.#compare();
  }

  /** The stream has told that it is another one; what came before that is still to be read. */
  restartTold(): void {
    this.#toldLife++;
  }

  /** The stream is read up to where it became another one: what is not whole in it goes again, from its beginning. */
  restartRead(): void {
    this.#readLife++;
    this.#position = 0;
    this.#gaps = [];
    if (!this.#batch) return;
    // What was appended since then is in the new stream.
    if (this.#attempt?.life === this.#readLife && this.#attempt.start === 0) return;
    this.#next = 0;
    this.#repeat(true);
  }

  /** The engine cannot be reached. */
  away(): void {
    this.#away = true;
    this.#failures = 0;
  }

  /** The engine can be reached. */
  back(): void {
    this.#away = false;
    this.#send();
    this.#schedule();
  }

  /** Nothing goes out any more. */
  close(): void {
    this.away();
    this.#batch = undefined;
    this.#begin(0);
  }

  /** So much of the batch is back, and nothing of the rest is on its way. */
  #begin(back: number): void {
    this.#back = back;
    this.#next = back;
    this.#attempt = undefined;
    this.#again = false;
    this.#stopTimer();
  }

  /** Sends the next piece, unless one is on its way or waits. */
  #send(): void {
    if (!this.#batch || this.#away || this.#attempt || this.#again) return;
    const { number, bytes } = this.#batch;
    const { message, node, pieceSize, stream } = this.#options;
    const start = this.#next;
    const end = Math.min(bytes.length, start + pieceSize());
    const attempt: Attempt = { start, end, life: this.#toldLife, sequence: undefined };
    this.#attempt = attempt;
    this.#unanswered++;
    // With its end, since what was stored before may have been cut at another one.
    const id = `${node}.${number}.${start}-${end}.${this.#generation}`;
    stream.append(message(number, start, bytes.subarray(start, end), end === bytes.length), id).then(
      (sequence) => this.#answered(attempt, sequence),
      () => this.#answered(attempt, undefined),
    );
  }

  /** `undefined`: it is not known whether it was stored, or ever will be. */
  #answered(attempt: Attempt, sequence: number | undefined): void {
    this.#unanswered--;
    // What fails while the engine is away tells nothing new.
    this.#failures = sequence !== undefined || this.#away ? 0 : this.#failures + 1;
    this.#options.stuck(this.#failures >= STUCK);
    // What is back needs no answer.
    if (attempt === this.#attempt) {
      if (sequence === undefined) this.#repeat(false);
      else if (attempt.life !== this.#toldLife) this.#repeat(true);
      else if (attempt.end <= this.#back) this.#goOn(attempt);
      else {
        attempt.sequence = sequence;
        this.#compare();
        this.#watch();
      }
    }
    this.#schedule();
  }

  /** Waits for a piece that is stored. */
  #watch(): void {
    const attempt = this.#attempt;
    if (attempt?.sequence === undefined || this.#cancel) return;
    const { clock, isBehind } = this.#options;
    this.#cancel = clock.after(STORED, () => {
      this.#cancel = undefined;
      if (this.#attempt === attempt && !this.#away && !isBehind()) this.#repeat(true);
      else this.#watch();
    });
  }

  /** A piece that is back was appended again, for those that have missed it. */
  #goOn({ end }: Attempt): void {
    this.#attempt = undefined;
    this.#stopTimer();
    this.#next = end;
    if (end < this.#back) this.resent++;
    this.#send();
  }

  /** The piece is stored, and the stream is read to where it is: it must be back now, or is missing. */
  #compare(): void {
    const { sequence, life, end } = this.#attempt ?? {};
    if (sequence === undefined || life !== this.#readLife || sequence > this.#position) return;
    if (!this.#gaps.some(([from, to]) => sequence >= from && sequence < to)) {
      // The engine knows its id, and does not have it.
      this.#repeat(true);
      return;
    }
    const { bytes } = this.#batch!;
    const isLast = end === bytes.length;
    const piece = bytes.subarray(this.#back, end);
    if (isLast) this.landed();
    this.#options.lost(piece, isLast);
  }

  /** The next piece goes again, after a pause. */
  #repeat(underAnotherId: boolean): void {
    if (underAnotherId) this.#generation++;
    this.#attempt = undefined;
    this.#again = true;
    this.#stopTimer();
    this.#schedule();
  }

  #stopTimer(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    if (!this.#again || this.#cancel || this.#away || this.#unanswered > 0) return;
    const { clock, random } = this.#options;
    this.#cancel = clock.after(PAUSE * (1 + random()), () => {
      this.#cancel = undefined;
      if (!this.#again || this.#away || this.#unanswered > 0) return;
      this.#again = false;
      this.resent++;
      this.#send();
    });
  }
}
