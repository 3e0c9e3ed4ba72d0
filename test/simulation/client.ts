/**
 * A client: the raw far end of a connection, which sends and reads as the steps demand.
 *
 * @module
 */

import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import { concat } from "../helpers/bytes.ts";
import { ENCODINGS, type FeedName } from "./feeds.ts";
import { Author } from "./image.ts";
import type { Stream } from "./model.ts";
import { type Home, HOMES, type Manner } from "./admission.ts";
import type { SimulatedListener } from "./listeners.ts";
import { type ReceivedControl, WebReader } from "./web_reader.ts";
import type { WebSide } from "./web_side.ts";
import { WebSpeaker } from "./web_speaker.ts";

/** A newline cannot be in a line. */
const NEWLINE = 10;

const [CLOSE, PING] = [8, 9];

/** How often an author sends what no line can carry: as its bytes fall, never, or in every fourth frame. */
export type Newlines = "as it falls" | "never" | "often";

/** The `index`-th payload of an author: its bytes show the author and the index. */
function payloadOf(feed: FeedName, author: number, index: number, size: number, newlines: Newlines): Uint8Array {
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    const byte = (author * 37 + index * 101 + at * 7 + (at >> 8) * 11) & 255;
    payload[at] = (newlines === "never" || feed === "line") && byte === NEWLINE ? NEWLINE + 1 : byte;
  }
  if (newlines === "often" && feed !== "line" && size > 0 && index % 4 === 0) payload[index % size] = NEWLINE;
  return payload;
}

/** Its frame. */
export function frameOf(feed: FeedName, author: number, index: number, size: number, newlines: Newlines): Uint8Array {
  return ENCODINGS[feed].encode(payloadOf(feed, author, index, size, newlines));
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
  /** How it sends as a WebSocket client; `undefined`: it is none. */
  readonly web: WebSpeaker | undefined;
  /** How it reads as one. */
  readonly reader: WebReader | undefined;
  /** Whether it answers pings. */
  answersPings = true;
  /** The server's side of it, where it is one. */
  side: WebSide | undefined;
  /** Bytes of its stream that it has sent. */
  sent = 0;
  socket!: PairedSocket;
  /** What it is to receive, once it was accepted. */
  stream: Stream | undefined;

  readonly #newlines: Newlines;
  readonly #outbox: Uint8Array[] = [];
  #said = 0;

  /** A client of a listener, which receives this feed. */
  constructor(number: number, listener: SimulatedListener, feed: FeedName, eager: boolean, newlines: Newlines) {
    this.number = number;
    this.listener = listener;
    this.author = new Author(feed);
    this.eager = eager;
    this.#newlines = newlines;
    if (!listener.isWeb) return;
    this.web = new WebSpeaker(number, this.author, this.#outbox);
    this.reader = new WebReader(this.web.isPacked, (control) => this.#react(control));
  }

  /** What it has to send and has not sent yet. */
  get outbox(): Uint8Array[] {
    this.web?.flush();
    return this.#outbox;
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

  /** Whether it may send more frames. */
  get talks(): boolean {
    return this.speaks && this.sane && this.web?.isClosing !== true && this.reader?.isClosed !== true;
  }

  /** Whether what it sends is still frames. */
  get sane(): boolean {
    return this.author.poisonedAt === Infinity;
  }

  /** It has something more to send: a frame of `size` bytes, or a ping when that is 0. */
  say(size: number): void {
    const feed = this.author.framing.name;
    if (this.web !== undefined) {
      return this.web.say(payloadOf(feed, this.number, size > 0 ? this.#said++ : 0, size, this.#newlines));
    }
    const frame = frameOf(feed, this.number, this.author.sent.length, size, this.#newlines);
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
    this.web?.flush();
    this.author.poisonedAt = Math.min(this.author.poisonedAt, this.author.length);
    this.author.length += bytes.length;
    if (bytes.length > 0) this.outbox.push(bytes);
  }

  /** Sends up to `limit` bytes of what it has to send, in one piece. */
  push(limit: number): void {
    if (!this.speaks || this.outbox.length === 0 || limit <= 0) return;
    const outbox = this.#outbox;
    const bytes = outbox.length === 1 ? outbox[0]! : concat(...outbox);
    const taken = this.socket.write(bytes.length > limit ? bytes.subarray(0, limit) : bytes);
    this.sent += taken;
    outbox.length = 0;
    if (taken < bytes.length) outbox.push(bytes.subarray(taken));
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

  /** A control frame came: a client may answer a ping, and a close frame in one way or another. */
  #react({ opcode, payload }: ReceivedControl): void {
    if (opcode === PING && this.talks && this.answersPings) this.web!.pong(payload);
    if (opcode !== CLOSE || !this.speaks) return;
    if (this.number % 3 === 0 && this.sane && !this.web!.isClosing) this.web!.close();
    else if (this.number % 3 === 1) this.finish();
  }
}
