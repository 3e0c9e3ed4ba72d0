/** Clients on plain sockets that know what they ought to receive. */

import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { type Run, Stamper } from "../../src/load/message.ts";
import { LoadReceiver } from "../../src/load/receiver.ts";
import { Stream } from "../../src/load/stream.ts";
import { every, pulse, until } from "./waiting.ts";

/** Nothing here takes longer on a busy machine, unless it hangs. */
export const PATIENCE = 30_000;

/** Node reads into one buffer for all sockets, so that what makes the load is not what is measured. */
const SHARED: Buffer | undefined = "Bun" in globalThis || "Deno" in globalThis
  ? undefined
  : Buffer.allocUnsafe(2 ** 18);

/** The messages of all scenarios. */
export const RUN: Run = { framing: "u64", id: 0x6d6f6263 };

/** A stream of these messages. */
export function emptyStream(): Stream {
  return new Stream(RUN, (one, other) => Buffer.compare(one, other) === 0, 2 ** 24);
}

/** Frames of one publisher back to back, numbered from `first`; `payload` returns the length of each payload. */
export function framesFrom(
  publisher: number,
  first: number,
  count: number,
  payload: (sequence: number) => number,
): Uint8Array {
  const now = performance.now();
  return new Stamper(RUN.framing, payload, RUN.id).frames(publisher, first, count, () => now);
}

/** Opens a socket and resolves when it is connected. */
export function openSocket(port: number, receive?: (chunk: Buffer) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = SHARED === undefined || receive === undefined ? {} : {
      onread: {
        buffer: SHARED,
        callback: (length: number) => {
          receive(SHARED.subarray(0, length));
          return true;
        },
      },
    };
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, ...onread });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    if (SHARED === undefined && receive !== undefined) socket.on("data", receive);
  });
}

/** A connection that reads all the time, and compares everything it receives with the stream. */
export class Reader {
  /** How its connection ended: `end`, or the code of an error. */
  ended: string | undefined;
  /** The longest time between two chunks, in milliseconds. */
  silence = 0;

  /** The stream that it has to receive. */
  readonly expected: Stream;
  readonly #receiver: LoadReceiver;
  #socket: Socket | undefined;
  #receivedAt = performance.now();

  /** Use {@link Reader.join}. With `founds` the stream begins with what this one receives. */
  constructor(expected: Stream, founds: boolean) {
    this.expected = expected;
    this.#receiver = new LoadReceiver(expected, founds);
    this.#receiver.onReceived = () => this.onReceived();
  }

  /** Connects. The server may not have accepted it yet: it has joined when it has received something. */
  static async join(port: number, expected: Stream): Promise<Reader> {
    const reader = new Reader(expected, false);
    await reader.open(port);
    return reader;
  }

  /** Its socket. */
  get socket(): Socket {
    return this.#socket!;
  }

  /** Where in the stream it joined; `undefined` until that is known. */
  get start(): number | undefined {
    return this.#receiver.start;
  }

  /** Up to where it has received the stream. */
  get offset(): number {
    return this.#receiver.offset;
  }

  /** Whether it has received everything that any client has received. */
  get isLevel(): boolean {
    return this.#receiver.isLevel;
  }

  /** Connects. */
  async open(port: number): Promise<void> {
    const socket = await openSocket(port, (chunk) => this.#receive(chunk));
    this.#socket = socket;
    const end = (how: string): void => {
      this.ended ??= how;
      pulse();
    };
    socket.on("error", (error: Error & { code?: string }) => end(error.code ?? error.message));
    socket.on("end", () => end("end")).on("close", () => end("close"));
  }

  /** Drops the connection. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Forgets the longest silence so far. */
  resetSilence(): void {
    this.silence = 0;
    this.#receivedAt = performance.now();
  }

  /** More of the stream was received. */
  protected onReceived(): void {}

  #receive(chunk: Uint8Array): void {
    const now = performance.now();
    this.silence = Math.max(this.silence, now - this.#receivedAt);
    this.#receivedAt = now;
    this.#receiver.receive(chunk);
    pulse();
  }
}

/** What a publisher sends. */
export interface Load {
  /** The length of the payload of each frame. */
  readonly payload: (sequence: number) => number;
  /** Frames that may be under way, sent and not received back. */
  readonly window: number;
}

/** A connection that reads, and sends frames of its own. */
export class Publisher extends Reader {
  static #count = 0;
  /** Its number, in each of its frames. */
  readonly id: number = Publisher.#count++;
  /** Frames sent. */
  sent = 0;
  /** Own frames received back. */
  echoed = 0;
  #goal = 0;
  #load: Load | undefined;
  #full = false;

  /** Connects. With `founds` the stream begins with what this one receives. */
  static override async join(port: number, expected: Stream, founds: boolean = false): Promise<Publisher> {
    const publisher = new Publisher(expected, founds);
    await publisher.open(port);
    publisher.socket.on("drain", () => {
      publisher.#full = false;
      publisher.#refill();
    });
    return publisher;
  }

  /** Sends so many frames at once. */
  send(count: number, payload: (sequence: number) => number): void {
    this.#full = !this.socket.write(framesFrom(this.id, this.sent, count, payload));
    this.sent += count;
  }

  /** Sends so many frames as fast as they come back. Resolves when the last one has come back. */
  async flood(frames: number, load: Load, milliseconds: number = PATIENCE): Promise<void> {
    this.#load = load;
    this.#goal = this.sent + frames;
    this.#refill();
    await until(() => this.echoed >= this.#goal || this.ended !== undefined, "all frames came back", milliseconds);
  }

  /** Sends frames at a fixed rate until it is stopped. */
  tick(rate: number, interval: number, payload: (sequence: number) => number): () => void {
    const began = performance.now();
    const before = this.sent;
    return every(interval, () => {
      const due = Math.floor((performance.now() - began) * rate / 1000) - (this.sent - before);
      if (due > 0 && this.ended === undefined) this.send(due, payload);
    });
  }

  /** Sends no more. */
  cease(): void {
    this.#goal = 0;
  }

  protected override onReceived(): void {
    const { expected, id } = this;
    while (this.echoed < this.sent) {
      const number = expected.numberOf(id, this.echoed);
      if (number === undefined || expected.frame(number)!.end > this.offset) break;
      this.echoed++;
    }
    this.#refill();
  }

  /** Half of the window at a time, or what is left of it: not a write for each frame. */
  #refill(): void {
    const load = this.#load;
    if (load === undefined || this.#full || this.ended !== undefined) return;
    const room = load.window - (this.sent - this.echoed);
    const count = Math.min(room, this.#goal - this.sent);
    if (count > 0 && (room >= load.window / 2 || count < room)) this.send(count, load.payload);
  }
}
