/**
 * A WebSocket client of a mob on a simulated bus: it asks, sends masked frames, whole or in fragments, and reads what a
 * server may send, by code of its own.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { concat } from "../helpers/bytes.ts";
import { frameSize, type Wire } from "./bus_wire.ts";
import { webHeader, webMessage, webPayload } from "./feeds.ts";
import { pick, type Random } from "./settings.ts";
import { responseTo, rightRequest } from "./web_requests.ts";
import { wholeFrames } from "./bus_order.ts";

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const FIN = 128;

/** Speaks as a WebSocket client, of messages or of `mobcast.u64`. */
export class WebWire implements Wire {
  readonly feed: string;
  readonly isPacked: boolean;
  readonly greeting: Uint8Array;
  /** What a message of `mobcast.u64` has around its frames, if it holds but one. */
  readonly overhead: number;
  wrong: string | undefined;
  /** The mob has answered that it closes. */
  isRefused = false;
  isGreeted = false;
  /** The code of the close frame that came, and of its own. */
  closeCode: number | undefined;
  goodbyeCode: number | undefined;
  readonly #random: Random;
  readonly #response: Uint8Array;
  /** What was sent in pings and has not come back. */
  #pings: string[] = [];
  #answers: Uint8Array[] = [];
  #rest: Uint8Array = new Uint8Array();

  constructor(number: number, isPacked: boolean) {
    this.#random = splitmix32(Math.imul(number + 1, 0x3c6ef35f));
    this.isPacked = isPacked;
    this.feed = isPacked ? "mobcast.u64" : "websocket";
    this.overhead = isPacked ? 4 : 0;
    const { bytes, key } = rightRequest(this.#random, isPacked);
    this.greeting = bytes;
    this.#response = responseTo(key, isPacked);
  }

  size(length: number): number {
    return this.isPacked ? frameSize("u64", length) : webHeader(length) + length;
  }

  carries(): boolean {
    return true;
  }

  get isWhole(): boolean {
    return this.#rest.length === 0;
  }

  // --- what it sends ---

  encode(payload: Uint8Array): Uint8Array {
    const random = this.#random;
    if (!this.isPacked) return this.#fragments(payload, isText(payload) ? TEXT : BINARY);
    const frame = new Uint8Array(8 + payload.length);
    new DataView(frame.buffer).setUint32(4, payload.length);
    frame.set(payload, 8);
    // Its messages are pieces of a stream.
    const cut = random() < 0.7 ? frame.length : 1 + Math.floor(random() * frame.length);
    const first = this.#fragments(frame.subarray(0, cut), BINARY);
    return cut === frame.length ? first : concat(first, this.#fragments(frame.subarray(cut), BINARY));
  }

  #fragments(payload: Uint8Array, opcode: number): Uint8Array {
    const random = this.#random;
    if (random() < 0.7) return this.#frame(FIN | opcode, payload);
    const cut = Math.floor(random() * (payload.length + 1));
    return concat(
      this.#frame(opcode, payload.subarray(0, cut)),
      random() < 0.3 ? this.#ping() : new Uint8Array(),
      this.#frame(FIN | CONTINUATION, payload.subarray(cut)),
    );
  }

  #ping(): Uint8Array {
    const payload = Uint8Array.of(this.#pings.length, Math.floor(this.#random() * 256));
    this.#pings.push(payload.join());
    return this.#frame(FIN | PING, payload);
  }

  goodbye(): Uint8Array {
    this.goodbyeCode = pick(this.#random, [1000, 1001, 4999]);
    return this.#frame(FIN | CLOSE, Uint8Array.of(this.goodbyeCode >> 8, this.goodbyeCode & 255));
  }

  /** A client's frame, masked. */
  #frame(first: number, payload: Uint8Array): Uint8Array {
    const plain = webMessage(payload);
    const header = plain.length - payload.length;
    const mask = Array.from({ length: 4 }, () => Math.floor(this.#random() * 256));
    const head = plain.slice(0, header);
    head[0] = first;
    head[1]! |= 128;
    return concat(head, Uint8Array.from(mask), payload.map((byte, at) => byte ^ mask[at & 3]!));
  }

  // --- what it reads ---

  answers(): Uint8Array[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  read(chunk: Uint8Array): Uint8Array[] {
    if (this.isRefused) return [];
    let bytes = concat(this.#rest, chunk);
    if (!this.isGreeted) bytes = this.#readResponse(bytes);
    const payloads: Uint8Array[] = [];
    while (this.isGreeted && !this.isRefused && this.wrong === undefined) {
      const found = webPayload(bytes);
      if (!found) break;
      this.#readMessage(bytes, found.from, bytes.subarray(found.from, found.to), payloads);
      bytes = bytes.subarray(found.to);
    }
    this.#rest = this.isRefused ? new Uint8Array() : bytes.slice();
    return payloads;
  }

  #readResponse(bytes: Uint8Array): Uint8Array {
    const { length } = this.#response;
    if (String.fromCharCode(...bytes.subarray(0, 12)) === "HTTP/1.1 503") {
      this.isRefused = true;
      return bytes;
    }
    const isSame = bytes.subarray(0, length).every((byte, at) => byte === this.#response[at]);
    if (bytes.length >= 12 && !isSame) this.wrong = `its response is ${String.fromCharCode(...bytes.subarray(0, 300))}`;
    this.isGreeted = bytes.length >= length;
    return this.isGreeted ? bytes.subarray(length) : bytes;
  }

  #readMessage(message: Uint8Array, header: number, payload: Uint8Array, payloads: Uint8Array[]): void {
    const [first, second] = [message[0]!, message[1]!];
    if (this.closeCode !== undefined) this.wrong = "something came behind the close frame";
    if (second > 127 || webHeader(payload.length) !== header) this.wrong = `a frame begins with ${first}, ${second}`;
    if (first === (FIN | CLOSE)) this.closeCode = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
    else if (first === (FIN | PING)) this.#answers.push(this.#frame(FIN | PONG, payload));
    else if (first === (FIN | PONG)) this.#readPong(payload);
    else if (first !== (FIN | BINARY)) this.wrong = `a frame begins with ${first}, ${second}`;
    else if (this.isPacked) this.#readBatch(payload, payloads);
    else payloads.push(payload.slice());
  }

  /** A server may answer the last ping alone. */
  #readPong(payload: Uint8Array): void {
    const index = this.#pings.indexOf(payload.join());
    if (index === -1) this.wrong = "a pong came that it has not asked for";
    this.#pings.splice(0, index + 1, ...Array<string>(index + 1).fill(""));
  }

  #readBatch(payload: Uint8Array, payloads: Uint8Array[]): void {
    const { frames, length } = wholeFrames("u64", payload);
    if (frames.length === 0 || length !== payload.length) this.wrong = "a message ends inside a frame";
    for (const frame of frames) payloads.push(frame.payload.slice());
  }
}

/** Whether a payload is text: that of some authors is. */
export function isText(payload: Uint8Array): boolean {
  return payload.every((byte) => byte < 128);
}
