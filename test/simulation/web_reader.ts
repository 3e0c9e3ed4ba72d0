/**
 * What a WebSocket client receives, read as RFC 6455 wants it: a response, then frames of a server, and nothing else.
 *
 * @module
 */

import { concat } from "../helpers/bytes.ts";
import { webHeader, webHeaderOf } from "./feeds.ts";

/** A control frame that a server sends. */
export interface ReceivedControl {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

const [BINARY, CLOSE, PING, PONG] = [2, 8, 9, 10];

/** Bytes: the headers of every response are shorter. */
const LONGEST_RESPONSE = 4096;

/** The most bytes of several u64 frames in one message. */
const LONGEST_BATCH = 65_535;

/** Reads what a server sends to one client. */
export class WebReader {
  /** The status of the response; 0: it has not come. */
  status = 0;
  /** The first thing that was wrong. */
  wrong: string | undefined;
  /** Whether a close frame came. */
  isClosed = false;
  readonly #isPacked: boolean;
  readonly #control: (control: ReceivedControl) => void;
  /** What came of a response or of a header that is not whole. */
  #head: Uint8Array = new Uint8Array(0);
  /** The frame under way. */
  #opcode = 0;
  #left = 0;
  #payload: Uint8Array[] = [];

  constructor(isPacked: boolean, control: (control: ReceivedControl) => void) {
    this.#isPacked = isPacked;
    this.#control = control;
  }

  /** Whether what came ends where a frame, or the response, ends. */
  get isWhole(): boolean {
    return this.#left === 0 && this.#head.length === 0;
  }

  /** Some bytes came. */
  read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.wrong === undefined;) {
      if (this.#left > 0) at = this.#readPayload(bytes, at);
      else at = this.status === 101 ? this.#readHeader(bytes, at) : this.#readResponse(bytes, at);
    }
  }

  #readResponse(bytes: Uint8Array, from: number): number {
    if (this.status !== 0) return this.#fail("something came behind a response that refuses", from);
    const before = this.#head.length;
    this.#head = concat(this.#head, bytes.subarray(from));
    // Much of a feed may come right behind it.
    const text = String.fromCharCode(...this.#head.subarray(0, LONGEST_RESPONSE));
    const end = text.indexOf("\r\n\r\n") + 4;
    if (end === 3) return bytes.length;
    this.#head = new Uint8Array(0);
    this.status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
    if (this.status !== 101) {
      this.#left = Number(/\r\nContent-Length: (\d+)\r\n/.exec(text)?.[1]);
      const closes = /\r\nConnection: close[,\r]/.test(text);
      if (!(this.status >= 400 && this.#left > 0 && closes)) this.#fail(`a response is ${text}`, 0);
    }
    return from + end - before;
  }

  #readHeader(bytes: Uint8Array, from: number): number {
    if (this.isClosed) return this.#fail("something came behind the close frame", from);
    const head = this.#head.length === 0
      ? bytes.subarray(from, from + 10)
      : concat(this.#head, bytes.subarray(from, from + 10));
    const short = head[1]!;
    const size = webHeaderOf(short);
    if (head.length < 2 || head.length < size) {
      this.#head = head.slice();
      return bytes.length;
    }
    const before = this.#head.length;
    this.#head = new Uint8Array(0);
    let length = size === 2 ? short : 0;
    for (let at = 2; at < size; at++) length = length * 256 + head[at]!;
    this.#opcode = head[0]! & 127;
    this.#left = length;
    const isControl = this.#opcode >= CLOSE;
    const isKnown = this.#opcode === BINARY || this.#opcode === CLOSE || this.#opcode === PING || this.#opcode === PONG;
    if (head[0]! < 128 || !isKnown || short > 127 || webHeader(length) !== size || isControl && length > 125) {
      return this.#fail(`a frame begins with ${[...head.subarray(0, size)]}`, from);
    }
    if (length === 0) this.#whole();
    return from + size - before;
  }

  #readPayload(bytes: Uint8Array, from: number): number {
    const to = Math.min(bytes.length, from + this.#left);
    this.#left -= to - from;
    if (this.status === 101 && (this.#isPacked || this.#opcode !== BINARY)) this.#payload.push(bytes.slice(from, to));
    if (this.#left === 0 && this.status === 101) this.#whole();
    return to;
  }

  /** A frame is whole. What binary messages hold is compared where they are given. */
  #whole(): void {
    const payload = this.#payload.length === 1 ? this.#payload[0]! : concat(...this.#payload);
    this.#payload = [];
    if (this.#opcode === BINARY) return void (this.#isPacked && this.#checkBatch(payload));
    if (this.#opcode === CLOSE) this.isClosed = true;
    this.#control({ opcode: this.#opcode, payload });
  }

  /** A message of `mobcast.u64` holds whole u64 frames, and more than one only when they are not too long. */
  #checkBatch(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset);
    let frames = 0;
    let at = 0;
    for (; at + 8 <= payload.length; frames++) at += 8 + view.getUint32(at + 4);
    if (at !== payload.length || frames === 0) this.#fail(`a message of ${at} bytes ends inside a frame`, 0);
    if (frames > 1 && at > LONGEST_BATCH) this.#fail(`${frames} frames of ${at} bytes are in one message`, 0);
  }

  #fail(why: string, at: number): number {
    this.wrong ??= why;
    return at;
  }
}
