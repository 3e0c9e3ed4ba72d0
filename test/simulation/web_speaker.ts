/**
 * What a WebSocket client sends: its request, then masked frames, whole or in fragments, with control frames in between.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { concat } from "../helpers/bytes.ts";
import { ENCODINGS, webMessage } from "./feeds.ts";
import type { Author } from "./image.ts";
import { pick, type Random, small } from "./settings.ts";
import { rightRequest, type WebRequest, wrongRequest } from "./web_requests.ts";

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const FIN = 128;
const MASKED = 128;
const EMPTY = new Uint8Array(0);

/** A rule that the client breaks, and what must come of that. */
export interface Offence {
  readonly reason: "protocol-error" | "frame-too-large";
  readonly code: number;
  /** The offset in its stream where it must be known. */
  readonly at: number;
}

/** A ping that it sends. */
interface SentPing {
  readonly endsAt: number;
  readonly payload: Uint8Array;
}

/** Characters of two, three and four bytes. */
const CHARACTERS = ["é", "€", "😀"].map((character) => new TextEncoder().encode(character));

/** Sends as a WebSocket client, to `out`. */
export class WebSpeaker {
  /** Whether its messages are pieces of a stream of u64 frames. */
  readonly isPacked: boolean;
  /** The number of its key. */
  key = 0;
  /** What it begins with. */
  request: WebRequest = { bytes: EMPTY };
  /** Whether its first message is wrong. */
  errs = false;
  /** Where its request ends in its stream; `Infinity`: it has no right one. */
  headEnds: number = Infinity;
  /** The pings that it sent, in order. */
  readonly pings: SentPing[] = [];
  /** Where its close frame ends. */
  closedAt: number = Infinity;
  /** The code of that; `undefined`: none. */
  closeCode: number | undefined;
  /** Which rule it breaks. */
  offence: Offence | undefined;
  /** What came between the fragments of a message. */
  interleaved = 0;
  readonly #author: Author;
  readonly #out: Uint8Array[];
  readonly #random: Random;
  /** Frames of `mobcast.u64` that are in no message yet; the empty ones are pings. */
  #unsent: Uint8Array[] = [];
  /** Where the payloads of data lie in its stream: from, to, from, to, ... */
  readonly #data: number[] = [];

  constructor(number: number, author: Author, out: Uint8Array[]) {
    this.#author = author;
    this.#out = out;
    this.isPacked = author.framing.name === "mobcast.u64";
    this.#random = splitmix32(Math.imul(number + 1, 0x3c6ef35f));
  }

  /** Whether it has said that it sends no more. */
  get isClosing(): boolean {
    return this.closedAt !== Infinity;
  }

  // --- the handshake ---

  /** It sends a right request. */
  ask(): void {
    const { bytes, key } = rightRequest(this.#random, this.isPacked);
    this.key = key;
    this.request = { bytes };
    this.#raw(bytes);
    this.headEnds = this.#author.length;
    this.#author.boundaries.add(this.headEnds);
  }

  /** A request that is wrong; it is not sent. */
  askWrongly(): WebRequest {
    return this.request = wrongRequest(this.#random);
  }

  /** It sends a message that is not to be published. Returns where that is whole. */
  preface(payload: Uint8Array): number {
    if (this.isPacked) return this.#stream([ENCODINGS.u64.encode(payload)], () => {});
    this.#message(payload, BINARY, () => {});
    return this.#author.length;
  }

  /** The frame of a message that is not the secret, and after how many of its bytes that is known. */
  wrongly(payload: Uint8Array, isTooLong: boolean): { readonly bytes: Uint8Array; readonly known: number } {
    this.errs = true;
    const data = this.isPacked ? ENCODINGS.u64.encode(payload) : payload;
    const bytes = this.#frame(FIN | BINARY, data);
    const header = bytes.length - data.length;
    return { bytes, known: isTooLong ? header + (this.isPacked ? 8 : 0) : bytes.length };
  }

  // --- messages ---

  /** It sends a message, or an empty one. `payload` may be changed. Returns what it sends. */
  say(payload: Uint8Array): void {
    if (this.isPacked) return void this.#unsent.push(ENCODINGS.u64.encode(payload));
    if (payload.length === 0) return this.#random() < 0.5 ? this.ping() : this.#empty();
    const isText = this.#random() < 0.3;
    if (isText) this.#makeText(payload);
    const frame = webMessage(payload);
    this.#message(payload, isText ? TEXT : BINARY, () => this.#author.complete(frame, this.#author.length));
  }

  /** Puts the u64 frames that wait into messages, which cut them anywhere. */
  flush(): void {
    if (this.#unsent.length === 0) return;
    const frames = this.#unsent;
    this.#unsent = [];
    this.#stream(frames, (frame, at) => frame.length > 8 && this.#author.complete(frame, at));
  }

  /** Bytes of data within a stretch of its stream. */
  dataWithin(from: number, to: number): number {
    let sum = 0;
    for (let index = this.#data.length - 2; index >= 0 && this.#data[index + 1]! > from; index -= 2) {
      sum += Math.max(0, Math.min(to, this.#data[index + 1]!) - Math.max(from, this.#data[index]!));
    }
    return sum;
  }

  // --- control frames ---

  /** It sends a ping. */
  ping(): void {
    this.#boundary(() => this.#ping());
  }

  /** It sends a pong that is asked for, or not. */
  pong(payload: Uint8Array = this.#anything()): void {
    this.#boundary(() => this.#control(PONG, payload));
  }

  /** It says that it sends no more. */
  close(): void {
    const code = pick(this.#random, [undefined, 1000, 1001, 3000, 4999]);
    this.flush();
    const reason = code === undefined ? EMPTY : concat(Uint8Array.of(code >> 8, code & 255), CHARACTERS[1]!);
    this.#control(CLOSE, reason);
    this.closeCode = code;
    this.closedAt = this.#author.length;
    this.#author.boundaries.add(this.closedAt);
  }

  // --- what breaks a rule ---

  /** Bytes that break a rule; they are not sent. */
  offend(how: number, maxFrame: number): Uint8Array {
    this.flush();
    const from = this.#author.length;
    const [bytes, code, known] = this.#wrong(how, maxFrame);
    this.offence = { reason: code === 1009 ? "frame-too-large" : "protocol-error", code, at: from + known };
    return bytes;
  }

  #wrong(how: number, maxFrame: number): readonly [bytes: Uint8Array, code: number, known: number] {
    const random = this.#random;
    if (how === 0) {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setUint32(4, maxFrame + 1);
      if (this.isPacked) return [this.#frame(FIN | BINARY, length), 1009, 14];
      const whole = this.#frame(FIN | BINARY, new Uint8Array(maxFrame + 1));
      const header = whole.length - maxFrame - 1;
      return [whole.subarray(0, header + Math.floor(random() * 9)), 1009, header];
    }
    if (how === 1) return [Uint8Array.of(FIN | BINARY, 1, 65), 1002, 2];
    if (how === 2) {
      const first = pick(random, [FIN | 64 | BINARY, FIN | 3, PING, FIN | CONTINUATION, FIN | 11]);
      return [Uint8Array.of(first, MASKED | 1, 1, 2, 3, 4, 5), 1002, 2];
    }
    if (how === 3) {
      const text = pick(random, [Uint8Array.of(0xff), CHARACTERS[2]!.subarray(0, maxFrame < 3 ? 1 : 3)]);
      const bytes = this.#frame(FIN | TEXT, text);
      return this.isPacked ? [bytes, 1003, 2] : [bytes, 1007, bytes.length];
    }
    const close = pick(random, [Uint8Array.of(3), Uint8Array.of(3, 0xed), Uint8Array.of(3, 0xe8, 0xff)]);
    const bytes = this.#frame(FIN | CLOSE, close);
    return [bytes, close.length === 3 ? 1007 : 1002, bytes.length];
  }

  // --- frames ---

  /** Something that stands between messages. */
  #boundary(send: () => void): void {
    this.flush();
    send();
    this.#author.boundaries.add(this.#author.length);
  }

  #empty(): void {
    this.#boundary(() => this.#raw(this.#frame(FIN | pick(this.#random, [TEXT, BINARY]), EMPTY)));
  }

  #ping(): void {
    const payload = this.#anything();
    this.#control(PING, payload);
    this.pings.push({ endsAt: this.#author.length, payload });
  }

  #control(opcode: number, payload: Uint8Array): void {
    this.#raw(this.#frame(FIN | opcode, payload));
  }

  /** Sends a message in a few fragments, with control frames in between. */
  #message(payload: Uint8Array, opcode: number, whole: () => void): void {
    this.#fragments(payload, opcode, () => {});
    whole();
    this.#author.boundaries.add(this.#author.length);
  }

  #fragments(payload: Uint8Array, opcode: number, sent: (from: number, at: number) => void): void {
    const random = this.#random;
    let first = opcode;
    for (let from = 0;;) {
      const left = payload.length - from;
      const size = random() < 0.7 ? left : Math.floor(random() * (left + 1));
      const isLast = size === left && random() < 0.9;
      const frame = this.#frame((isLast ? FIN : 0) | first, payload.subarray(from, from + size));
      const at = this.#author.length + frame.length - size;
      this.#raw(frame);
      if (size > 0) this.#data.push(at, at + size);
      sent(from, at);
      from += size;
      first = CONTINUATION;
      if (isLast) return;
      if (random() < 0.4) {
        this.interleaved++;
        random() < 0.7 ? this.#ping() : this.#control(PONG, this.#anything());
      }
    }
  }

  /** Sends u64 frames in messages that cut them anywhere. Returns where the last frame is whole. */
  #stream(frames: readonly Uint8Array[], whole: (frame: Uint8Array, at: number) => void): number {
    const random = this.#random;
    const bytes = concat(...frames);
    let next = 0;
    let end = frames[0]!.length;
    let last = 0;
    for (let from = 0; from < bytes.length;) {
      const left = bytes.length - from;
      const size = random() < 0.6 ? left : 1 + Math.floor(random() * left);
      const start = from;
      const message = bytes.subarray(from, from + size);
      this.#fragments(message, BINARY, (offset, at) => {
        const to = this.#author.length - at;
        for (; next < frames.length && end - start - offset <= to; end += frames[++next]?.length ?? 0) {
          last = at + end - start - offset;
          whole(frames[next]!, last);
        }
      });
      from += size;
      const isBoundary = next === frames.length || end - frames[next]!.length === from;
      if (isBoundary) this.#author.boundaries.add(this.#author.length);
      if (random() < 0.2) {
        this.#ping();
        if (isBoundary) this.#author.boundaries.add(this.#author.length);
      }
    }
    return last;
  }

  /** A client's frame. */
  #frame(first: number, payload: Uint8Array): Uint8Array {
    const random = this.#random;
    const { length } = payload;
    const plain = webMessage(payload);
    const header = plain.length - length;
    const frame = new Uint8Array(plain.length + 4);
    frame.set(plain.subarray(0, header));
    frame[0] = first;
    frame[1] = frame[1]! | MASKED;
    const mask = Math.floor(random() * 2 ** 32);
    new DataView(frame.buffer).setUint32(header, mask);
    for (let at = 0; at < length; at++) frame[header + 4 + at] = payload[at]! ^ frame[header + (at & 3)]!;
    return frame;
  }

  #raw(bytes: Uint8Array): void {
    this.#out.push(bytes);
    this.#author.length += bytes.length;
  }

  /** What a ping carries. */
  #anything(): Uint8Array {
    const random = this.#random;
    const payload = new Uint8Array(pick(random, [0, 1, 4, small(random, 0, 20), random() < 0.1 ? 125 : 3]));
    for (let at = 0; at < payload.length; at++) payload[at] = random() * 256;
    return payload;
  }

  /** Makes UTF-8 of a payload, in place: it stays as long, and has no newline that it had not. */
  #makeText(payload: Uint8Array): void {
    for (let at = 0; at < payload.length;) {
      const character = CHARACTERS[Math.floor(this.#random() * 8)];
      if (character !== undefined && at + character.length <= payload.length && payload[at] !== 10) {
        payload.set(character, at);
        at += character.length;
        continue;
      }
      const byte = payload[at]!;
      if (byte !== 10) payload[at] = (byte & 127) === 10 ? 11 : byte & 127;
      at++;
    }
  }
}
