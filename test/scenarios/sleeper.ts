/** Clients that do not read. */

import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { Chronicle } from "./chronicle.ts";
import { PATIENCE } from "./clients.ts";
import { frameEnd, HEADER, isIntact, STAMP, stampOf } from "./frames.ts";
import { pulse, until } from "./waiting.ts";

/** What one that dozes hears of a publisher. */
export interface Dream {
  /** The publisher's number. */
  readonly publisher: number;
  /** The frame that it heard last; at first the one before it came in. */
  last: number;
  /** Whole frames heard. */
  frames: number;
  /** Frames that it missed between those that it heard. */
  missed: number;
  /** Bytes of a frame that is not whole yet. */
  torn: number;
}

/** A connection that reads nothing until it is woken. */
export class Sleeper {
  /** Where in the stream it came in: nobody was sending at the time. */
  readonly start: number;
  /** Bytes read since it was woken. */
  heard = 0;
  /** How its connection ended, as far as it could know. */
  ended: string | undefined;

  readonly #chronicle: Chronicle;
  readonly #socket: Socket;
  #sip = Infinity;
  #thirst = Infinity;

  private constructor(socket: Socket, chronicle: Chronicle) {
    this.#socket = socket;
    this.#chronicle = chronicle;
    this.start = chronicle.length;
    const end = (how: string): void => {
      this.ended ??= how;
      pulse();
    };
    socket.on("error", (error: Error & { code?: string }) => end(error.code ?? error.message));
    socket.on("end", () => end("end")).on("close", () => end("close"));
  }

  /** Connects, and falls asleep. */
  static join(port: number, chronicle: Chronicle): Promise<Sleeper> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      // Before it is connected: later it would have begun to read.
      socket.pause();
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Sleeper(socket, chronicle)));
    });
  }

  /**
   * Reads to the end, and compares: it was given a part of the stream, without a gap, and not one byte after it. It
   * falls asleep after so many bytes, until it is stirred.
   */
  async recall(sip: number = Infinity): Promise<void> {
    this.#listen(sip, (chunk) => void this.#chronicle.heard(this.start + this.heard, chunk));
    await until(() => this.ended !== undefined, "a sleeper's connection ends", PATIENCE);
  }

  /**
   * Reads from now on, frame by frame: whole ones, in order, with gaps. `dream` is kept up to date. It falls asleep
   * after so many bytes, until it is stirred.
   */
  wake(dream: Dream, sip: number): void {
    let rest: Buffer = Buffer.alloc(0);
    this.#listen(sip, (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      let at = 0;
      for (;;) {
        const to = frameEnd(rest, at, rest.length);
        if (to === undefined || to > rest.length) break;
        this.#note(rest, at, to, dream);
        at = to;
      }
      rest = rest.subarray(at);
      dream.torn = rest.length;
    });
  }

  /** Reads as many bytes again. */
  stir(): void {
    this.#thirst = this.#sip;
    this.#socket.resume();
  }

  /** Falls asleep no more. */
  stayAwake(): void {
    this.#sip = Infinity;
    this.stir();
  }

  /** Ends its half of the connection. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Drops the connection. */
  drop(): void {
    this.#socket.destroy();
  }

  #listen(sip: number, hear: (chunk: Buffer) => void): void {
    this.#thirst = this.#sip = sip;
    this.#socket.on("data", (chunk: Buffer) => {
      hear(chunk);
      this.heard += chunk.length;
      this.#thirst -= chunk.length;
      if (this.#thirst <= 0) this.#socket.pause();
      pulse();
    });
    this.#socket.resume();
  }

  #note(bytes: Buffer, from: number, to: number, dream: Dream): void {
    if (to - from < HEADER + STAMP || !isIntact(bytes, from, to)) {
      this.#chronicle.complain(`a torn frame of ${to - from} bytes was heard by one that dozes`);
      return;
    }
    const { publisher, sequence } = stampOf(bytes, from);
    if (publisher !== dream.publisher || sequence <= dream.last) {
      this.#chronicle.complain(`frame ${sequence} of ${publisher} was heard after frame ${dream.last}`);
    }
    dream.missed += sequence - dream.last - 1;
    dream.last = sequence;
    dream.frames++;
  }
}
