/** Clients that do not read. */

import type { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { equalBytes, FrameCutter, isIntact, type Stamp, stampOf } from "../../src/load/message.ts";
import type { Stream } from "../../src/load/stream.ts";
import { PATIENCE, RUN } from "./clients.ts";
import { pulse, until } from "./waiting.ts";

/** What a stalled client receives of a publisher. */
export interface Seen {
  /** The publisher's number. */
  readonly publisher: number;
  /** The frame that it received last; at first the one before it joined. */
  last: number;
  /** Whole frames received. */
  frames: number;
  /** Frames that it missed between those that it received. */
  missed: number;
  /** Bytes of a frame that is not whole yet. */
  torn: number;
}

/** A connection that reads nothing until it is woken. */
export class StalledClient {
  /** The offset of the stream where it joined: nothing was being sent at the time. */
  readonly start: number;
  /** Bytes read since it was woken. */
  received = 0;
  /** How its connection ended, as far as it could know. */
  ended: string | undefined;

  readonly #expected: Stream;
  readonly #socket: Socket;
  #portion = Infinity;
  #budget = Infinity;

  private constructor(socket: Socket, expected: Stream) {
    this.#socket = socket;
    this.#expected = expected;
    this.start = expected.length;
    const end = (how: string): void => {
      this.ended ??= how;
      pulse();
    };
    socket.on("error", (error: Error & { code?: string }) => end(error.code ?? error.message));
    socket.on("end", () => end("end")).on("close", () => end("close"));
  }

  /** Connects, and stops reading. */
  static join(port: number, expected: Stream): Promise<StalledClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      // Before it is connected: later it would have begun to read.
      socket.pause();
      socket.once("error", reject);
      socket.once("connect", () => resolve(new StalledClient(socket, expected)));
    });
  }

  /**
   * Reads to the end, and compares: it was given a part of the stream, without a gap, and not one byte after it. It
   * stops reading after so many bytes, until it is resumed.
   */
  async recall(portion: number = Infinity): Promise<void> {
    this.#listen(portion, (chunk) => {
      const offset = this.start + this.received;
      if (this.#expected.follows(offset, chunk)) return;
      this.#expected.complain(
        `other bytes than other connections received, between ${offset} and ${offset + chunk.length}`,
      );
    });
    await until(() => this.ended !== undefined, "a stuck connection ends", PATIENCE);
  }

  /**
   * Reads from now on, frame by frame: whole ones, in order, with gaps. `seen` is kept up to date. It stops reading
   * after so many bytes, until it is resumed.
   */
  readNowAndThen(seen: Seen, portion: number): void {
    const cutter = new FrameCutter(RUN);
    this.#listen(portion, (chunk) => {
      cutter.cut(chunk, (bytes, view, at, length) => {
        const stamp = stampOf(RUN, view, at, length);
        const frame = bytes.subarray(at, at + length);
        const whole = stamp !== undefined && isIntact(RUN, frame, stamp.sequence, equalBytes);
        if (whole) this.#note(stamp, seen);
        else this.#expected.complain(`a torn frame of ${length} bytes was received by a slow reader`);
      });
      seen.torn = cutter.rest;
    });
  }

  /** Reads as many bytes again. */
  readMore(): void {
    this.#budget = this.#portion;
    this.#socket.resume();
  }

  /** Reads without stops. */
  readOn(): void {
    this.#portion = Infinity;
    this.readMore();
  }

  /** Ends its half of the connection. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Drops the connection. */
  drop(): void {
    this.#socket.destroy();
  }

  #listen(portion: number, receive: (chunk: Buffer) => void): void {
    this.#budget = this.#portion = portion;
    this.#socket.on("data", (chunk: Buffer) => {
      receive(chunk);
      this.received += chunk.length;
      this.#budget -= chunk.length;
      if (this.#budget <= 0) this.#socket.pause();
      pulse();
    });
    this.#socket.resume();
  }

  #note({ publisher, sequence }: Stamp, seen: Seen): void {
    if (publisher !== seen.publisher || sequence <= seen.last) {
      this.#expected.complain(`frame ${sequence} of ${publisher} was received after frame ${seen.last}`);
    }
    seen.missed += sequence - seen.last - 1;
    seen.last = sequence;
    seen.frames++;
  }
}
