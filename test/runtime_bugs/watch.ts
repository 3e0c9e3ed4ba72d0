/**
 * Our end of a connection in a script: handles events in ticks, as the core does, and notes what was reported.
 *
 * @module
 */

import {
  type Adapter,
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import { Poll } from "../../src/reactor/poll.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import { pattern, STEP } from "../helpers/pattern.ts";

/** What our end does by itself. */
export interface Habits {
  /** What it does inside `accept`. */
  readonly onAccept?: (watch: Watch) => void;
  /** What it does when bytes came. */
  readonly onData?: (watch: Watch) => void;
  /** What it does when the client's stream has ended. */
  readonly onEnd?: (watch: Watch) => void;
  /** Whether it reads only in the steps for it. */
  readonly holds?: boolean;
}

/** The name of the one connection that is watched. */
const TOKEN: Token = tokenOf(0, 1);

/** More bytes than any kernel takes for a client that does not read. */
const MOST = 48 * 1024 * 1024;

/** A registry that watches the first connection it accepts, and refuses the others. */
export class Watch implements Registry {
  /** Counts everything that happens: when it stands still, nothing does. */
  activity = 0;
  /** Whether nothing can come any more: a final event, or we closed. */
  over = false;

  readonly #poll: Poll;
  readonly #habits: Habits;
  /** What happened; a number is so many bytes that came. */
  readonly #notes: (string | number)[] = [];
  #socket: Socket | undefined;
  #holding: boolean;
  #ended = false;
  #written = 0;
  /** Bytes to write that were not taken yet. */
  #queued = 0;
  /** Whether it writes whatever is taken. */
  #filling = false;

  constructor(adapter: Adapter, habits: Habits) {
    this.#poll = new Poll(adapter, (events) => this.#tick(events.get(TOKEN) ?? 0));
    this.#habits = habits;
    this.#holding = habits.holds ?? false;
  }

  /** Whether there is a connection. */
  get accepted(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * What happened, in words that do not depend on timing: bytes that came in a row are one note, which shows whether they
   * complete the `sent` bytes of the client.
   */
  trace(sent: number): string[] {
    const trace: string[] = [];
    let received = 0;
    for (const note of this.#notes) {
      if (typeof note === "number") received += note;
      const word = typeof note === "string" ? note : received === sent ? "data, all" : "data, part";
      if (typeof note === "number" && trace[trace.length - 1]?.startsWith("data")) trace.pop();
      if (trace[trace.length - 1] !== word || word === "all taken") trace.push(word);
    }
    return trace;
  }

  // --- what the adapter reports ---

  accept(socket: Socket): Token | undefined {
    this.activity++;
    if (this.#socket !== undefined) return undefined;
    this.#socket = socket;
    this.#notes.push("accept");
    this.#habits.onAccept?.(this);
    return TOKEN;
  }

  ready(token: Token, readiness: Readiness): void {
    this.activity++;
    // No adapter may report more after this (rule 7), so no run on the fake has the note.
    if (this.over) this.#notes.push(`reported ${readiness} when it was over`);
    this.#poll.ready(token, readiness);
  }

  acceptFailed(_error: Error): Promise<void> {
    this.activity++;
    this.#notes.push("accept failed");
    return Promise.resolve();
  }

  #tick(readiness: Readiness): void {
    if (this.over) return;
    const final = (readiness & (HUP | ERROR)) !== 0;
    if ((readiness & WRITABLE) !== 0) this.#mayWrite();
    if (final || ((readiness & READABLE) !== 0 && !this.#holding)) this.#read(final);
    if (!final || this.over) return;
    this.#notes.push((readiness & ERROR) !== 0 ? "error" : "hup");
    this.over = true;
    this.#socket!.close();
  }

  /** Reads what there is. An end that is found only because everything is over is not noted. */
  #read(final: boolean): void {
    while (!this.over && !this.#ended) {
      const chunk = this.#socket!.read();
      if (chunk === undefined) return;
      this.#ended = chunk === null;
      if (chunk !== null) {
        this.#notes.push(chunk.length);
        this.#habits.onData?.(this);
      } else if (!final) {
        this.#notes.push("end");
        this.#habits.onEnd?.(this);
      }
    }
  }

  #mayWrite(): void {
    if (!this.#filling && this.#queued === 0) this.#notes.push("writable");
    this.#writeOn();
  }

  // --- the steps of a script ---

  /** Writes so many bytes, as they are taken. */
  write(length: number): void {
    if (this.over) return;
    this.#queued += length;
    this.#writeOn();
  }

  /** Writes until {@link filled} is called. */
  fill(): void {
    if (this.over) return;
    this.#filling = true;
    this.#writeOn();
  }

  /** Nothing more is taken: from now on WRITABLE is noted. */
  filled(): void {
    if (this.over || !this.#filling) return;
    this.#filling = false;
    this.#notes.push(this.#written < MOST ? "full" : "never full");
  }

  /** Reads what there is, and from now on whatever comes. */
  read(): void {
    if (this.over) return;
    this.#notes.push("we read");
    this.#holding = false;
    this.#read(false);
  }

  shutdown(): void {
    if (this.over) return;
    this.#notes.push("we shut down");
    this.#socket!.shutdown();
  }

  close(): void {
    if (this.over || this.#socket === undefined) return;
    this.#notes.push("we close");
    this.over = true;
    this.#socket!.close();
  }

  #writeOn(): void {
    while (this.#queued > 0 || (this.#filling && this.#written < MOST)) {
      const offered = this.#filling ? STEP : Math.min(STEP, this.#queued);
      const taken = this.#socket!.write(pattern(this.#written, offered));
      this.#written += taken;
      if (!this.#filling && taken > 0) this.#queued -= taken;
      if (taken < offered) return;
      // Bytes that were taken may still be lost: it is their fate with a client that is gone.
      if (!this.#filling && this.#queued === 0) this.#notes.push("all taken");
    }
  }
}
