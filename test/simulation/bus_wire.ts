/**
 * How a client of a simulated bus speaks: in plain frames, or with something before them. Written anew here, not with the
 * code under test.
 *
 * @module
 */

import { encodeFrame, type FramingName } from "../../src/framing/framing.ts";
import { concat } from "../helpers/bytes.ts";
import { wholeFrames } from "./bus_order.ts";

const NEWLINE = 10;

/** Bytes around a payload. */
const AROUND: Readonly<Record<FramingName, number>> = { u64: 8, u32: 4, line: 1 };

/** The bytes of the frame of a payload. */
export function frameSize(framing: FramingName, length: number): number {
  return AROUND[framing] + length;
}

/** How a client speaks. */
export interface Wire {
  /** The name of what it receives: mobs have a log for each. */
  readonly feed: string;
  /** What it has to send before it joins; `undefined`: nothing. */
  readonly greeting: Uint8Array | undefined;
  /** The bytes that it sends for a payload. */
  encode(payload: Uint8Array): Uint8Array;
  /** The bytes that a payload of this length takes in the log of what it receives. */
  size(length: number): number;
  /** Whether what it receives can hold a payload. */
  carries(payload: Uint8Array): boolean;
  /** Some bytes came. Returns the payloads that are whole now. */
  read(bytes: Uint8Array): Uint8Array[];
  /** Whether what came ends where a frame ends. */
  readonly isWhole: boolean;
  /** The first thing that was wrong in what came. */
  readonly wrong?: string | undefined;
  /** Whether the answer to its greeting has come. */
  readonly isGreeted?: boolean;
  /** The bytes with which it says that it sends no more; `undefined`: it just ends. */
  goodbye?(): Uint8Array;
  /** Bytes that a message may have beside {@link size}. */
  readonly overhead?: number;
  /** Whether it was refused with an answer, since its mob closes. */
  readonly isRefused?: boolean;
  /** The code of the close frame that came. */
  readonly closeCode?: number | undefined;
  /** That of the one that it has sent. */
  readonly goodbyeCode?: number | undefined;
  /** What it has to answer to what came. */
  answers?(): Uint8Array[];
}

/** Plain frames. */
export class PlainWire implements Wire {
  readonly feed: string;
  readonly framing: FramingName;
  greeting: Uint8Array | undefined;
  #rest: Uint8Array = new Uint8Array();

  constructor(framing: FramingName) {
    this.feed = framing;
    this.framing = framing;
  }

  encode(payload: Uint8Array): Uint8Array {
    return encodeFrame(this.framing, payload);
  }

  size(length: number): number {
    return frameSize(this.framing, length);
  }

  carries(payload: Uint8Array): boolean {
    return this.framing !== "line" || !payload.includes(NEWLINE);
  }

  read(chunk: Uint8Array): Uint8Array[] {
    const bytes = this.#rest.length === 0 ? chunk : concat(this.#rest, chunk);
    const { frames, length } = wholeFrames(this.framing, bytes);
    this.#rest = bytes.slice(length);
    return frames.map(({ payload }) => payload);
  }

  get isWhole(): boolean {
    return this.#rest.length === 0;
  }

  /** Bytes of a frame that is not whole. */
  get rest(): number {
    return this.#rest.length;
  }
}

/** A position in the stream of a mob. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** That of a client that has received nothing. */
export const NOWHERE: Position = { epoch: "0".repeat(16), offset: 0 };

/** Plain frames behind a hello each way. */
export class HelloWire extends PlainWire {
  /** Where it asks to go on. */
  readonly asked: Position;
  /** Where the mob says that its stream begins. */
  answer: Position | undefined;
  wrong: string | undefined;
  #received = 0;

  constructor(framing: FramingName, asked: Position) {
    super(framing);
    this.asked = asked;
    this.greeting = this.encode(this.#hello());
  }

  get isGreeted(): boolean {
    return this.answer !== undefined;
  }

  /** Up to where it has received the stream. */
  get position(): Position {
    return this.answer ? { ...this.answer, offset: this.answer.offset + this.#received } : this.asked;
  }

  #hello(): Uint8Array {
    const digits = this.asked.epoch + this.asked.offset.toString(16).padStart(16, "0");
    const text = "mob1" + (this.framing === "line" ? digits : digits.replace(/../g, (two) => fromHex(two)));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  }

  override read(chunk: Uint8Array): Uint8Array[] {
    const payloads = super.read(chunk);
    if (!this.answer && payloads.length > 0) this.#readHello(payloads.shift()!);
    for (const { length } of payloads) this.#received += this.size(length);
    return payloads;
  }

  #readHello(payload: Uint8Array): void {
    const text = String.fromCharCode(...payload);
    const digits = this.framing === "line"
      ? text.slice(4)
      : Array.from(payload.subarray(4), (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (!text.startsWith("MOB1") || !/^[0-9a-f]{32}$/.test(digits)) this.wrong = `its hello is ${text}`;
    this.answer = { epoch: digits.slice(0, 16), offset: Number.parseInt(digits.slice(16), 16) };
  }
}

function fromHex(two: string): string {
  return String.fromCharCode(Number.parseInt(two, 16));
}
