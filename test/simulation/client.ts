/**
 * A client: the raw far end of a connection, which sends and reads as the steps demand.
 *
 * @module
 */

import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import { encodeFrame, type FramingName } from "../../src/framing/framing.ts";
import { concat } from "../helpers/bytes.ts";
import { Author, type Stream } from "./model.ts";
import { type Home, HOMES, type Manner } from "./admission.ts";
import type { SimulatedListener } from "./listeners.ts";

/** A newline cannot be in a line. */
const NEWLINE = 10;

/** How often an author sends what no line can carry: as its bytes fall, never, or in every fourth frame. */
export type Newlines = "as it falls" | "never" | "often";

/** The `index`-th frame of an author: its bytes show the author and the index. */
export function frameOf(
  framing: FramingName,
  author: number,
  index: number,
  size: number,
  newlines: Newlines,
): Uint8Array {
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    const byte = (author * 37 + index * 101 + at * 7 + (at >> 8) * 11) & 255;
    payload[at] = (newlines === "never" || framing === "line") && byte === NEWLINE ? NEWLINE + 1 : byte;
  }
  if (newlines === "often" && framing !== "line" && size > 0 && index % 4 === 0) payload[index % size] = NEWLINE;
  return encodeFrame(framing, payload);
}

/** The far end of one connection. */
export class Client {
  /** Its number: clients count from 0. */
  readonly number: number;
  /** What it sends. */
  readonly author: Author;
  /** The listener that it connects to. */
  readonly listener: SimulatedListener;
  /** Where it comes from. */
  home: Home = HOMES[0]!;
  /** Whether it comes by way of a handshake. */
  shakesHands = false;
  /** How it sends the secret, where there is one. */
  manner: Manner = "right";
  /** How many bytes of its stream show whether it knows the secret. */
  provenAt: number = Infinity;
  /** Whether it reads all it can as soon as it can. */
  eager: boolean;
  /** Whether it broke the connection. */
  broken = false;
  /** Whether it ended its half of the stream. */
  finished = false;
  /** Whether it saw the end, or a reset. */
  over = false;
  /** What it has to send and has not sent yet. */
  readonly outbox: Uint8Array[] = [];
  /** Bytes of its stream that it has sent. */
  sent = 0;
  socket!: PairedSocket;
  /** What it is to receive, once it was accepted. */
  stream: Stream | undefined;

  readonly #newlines: Newlines;

  /** A client of a listener. */
  constructor(number: number, listener: SimulatedListener, eager: boolean, newlines: Newlines) {
    this.number = number;
    this.listener = listener;
    this.author = new Author(listener.framing);
    this.eager = eager;
    this.#newlines = newlines;
  }

  /** Bytes before a payload. */
  get header(): number {
    return this.author.framing.header;
  }

  /** Whether it can still send. */
  get speaks(): boolean {
    return !this.broken && !this.finished && !this.over;
  }

  /** How many of its frames were whole when it ended its stream. */
  get wholeAtEnd(): number {
    return this.author.wholeWithin(this.sent);
  }

  /** Whether what it sends is still frames. */
  get sane(): boolean {
    return this.author.poisonedAt === Infinity;
  }

  /** It has something more to send: a frame of `size` bytes, or a ping when that is 0. */
  say(size: number): void {
    const frame = frameOf(this.listener.framing, this.number, this.author.sent.length, size, this.#newlines);
    this.author.say(frame, size === 0);
    this.outbox.push(frame);
  }

  /** It has something to send before its frames, which is not to be published. */
  preface(frame: Uint8Array): void {
    this.author.say(frame, true);
    this.outbox.push(frame);
  }

  /** It has garbage to send. */
  poison(bytes: Uint8Array): void {
    this.author.poisonedAt = Math.min(this.author.poisonedAt, this.author.length);
    this.author.length += bytes.length;
    if (bytes.length > 0) this.outbox.push(bytes);
  }

  /** Sends up to `limit` bytes of what it has to send, in one piece. */
  push(limit: number): void {
    if (!this.speaks || this.outbox.length === 0 || limit <= 0) return;
    const bytes = this.outbox.length === 1 ? this.outbox[0]! : concat(...this.outbox);
    const taken = this.socket.write(bytes.length > limit ? bytes.subarray(0, limit) : bytes);
    this.sent += taken;
    this.outbox.length = 0;
    if (taken < bytes.length) this.outbox.push(bytes.subarray(taken));
  }

  /** Ends its half of the stream, wherever it is. */
  finish(): void {
    if (!this.speaks) return;
    this.finished = true;
    this.outbox.length = 0;
    this.socket.shutdown();
  }

  /** Breaks the connection. */
  reset(): void {
    if (this.broken || this.over) return;
    this.broken = true;
    this.outbox.length = 0;
    this.socket.reset();
  }
}
