/**
 * The order of a simulated bus: what a mob that was told so much of a stream must publish. It reads messages and batches by
 * code of its own.
 *
 * @module
 */

import type { FramingName } from "../../src/framing/framing.ts";
import type { Told } from "./bus_engine.ts";
import type { BusMark } from "./bus_marks.ts";
import { webPayload } from "./feeds.ts";

/** Bytes before a piece of a batch in a message. */
export const MESSAGE_HEADER = 68;

/** Bytes before the frames of a run in a batch. */
const RUN_HEADER = 9;

/** Framings by their numbers on a bus. */
export const FRAMING_OF: readonly (BusFraming | undefined)[] = [undefined, "u64", "u32", "line", "websocket"];

/** How frames may be on a bus. */
export type BusFraming = FramingName | "websocket";

/** A message of a mob. */
export interface Piece {
  readonly node: string;
  readonly number: number;
  readonly start: number;
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
}

/** A frame. */
export interface Framed {
  readonly framing: BusFraming;
  readonly payload: Uint8Array;
}

/** What a mob has to publish next, or to tell. */
export type Due =
  | {
    readonly type: "batch";
    readonly node: string;
    readonly number: number;
    readonly frames: readonly Framed[];
    late?: true;
  }
  | { readonly type: "gap"; readonly restarted: boolean };

/** The message of a piece. */
export function messageOf({ node, number, start, isLast, bytes }: Piece, framing: FramingName): Uint8Array {
  const message = new Uint8Array(MESSAGE_HEADER + bytes.length);
  message.set([0x6d, 0x6f, 0x62, 1, FRAMING_OF.indexOf(framing), isLast ? 1 : 0]);
  for (let at = 0; at < 8; at++) message[8 + at] = Number.parseInt(node.slice(2 * at, 2 * at + 2), 16);
  const view = new DataView(message.buffer);
  view.setUint32(20, number);
  view.setUint32(40, start);
  message.set(bytes, MESSAGE_HEADER);
  return message;
}

/** What a message is; `undefined`: none of a mob of this bus. */
export function pieceOf(message: Uint8Array, framing: FramingName): Piece | undefined {
  if (message.length < MESSAGE_HEADER || String.fromCharCode(...message.subarray(0, 3)) !== "mob") return undefined;
  if (message[3] !== 1 || FRAMING_OF[message[4]!] !== framing || message[5]! > 1) return undefined;
  const view = new DataView(message.buffer, message.byteOffset);
  return {
    node: Array.from(message.subarray(8, 16), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    number: view.getUint32(20),
    start: view.getUint32(40),
    isLast: message[5] === 1,
    bytes: message.subarray(MESSAGE_HEADER),
  };
}

/** The whole frames at the beginning of some bytes, and how many bytes they are. */
export function wholeFrames(framing: BusFraming, bytes: Uint8Array): { frames: Framed[]; length: number } {
  const frames: Framed[] = [];
  for (let at = 0;;) {
    const found = payloadAt(framing, bytes, at);
    if (!found) return { frames, length: at };
    frames.push({ framing, payload: bytes.subarray(found.from, found.to) });
    at = framing === "line" ? found.to + 1 : found.to;
  }
}

/** Where the payload of the frame that begins at `at` begins and ends; `undefined`: there is no whole frame. */
function payloadAt(framing: BusFraming, bytes: Uint8Array, at: number): { from: number; to: number } | undefined {
  if (framing === "line") {
    const end = bytes.indexOf(10, at);
    return end === -1 ? undefined : { from: at, to: end };
  }
  // As a server sends it: whole, binary and without a mask.
  if (framing === "websocket") return bytes[at] === 0x82 && bytes[at + 1]! <= 127 ? webPayload(bytes, at) : undefined;
  const from = at + (framing === "u64" ? 8 : 4);
  if (from > bytes.length) return undefined;
  const to = from + new DataView(bytes.buffer, bytes.byteOffset).getUint32(from - 4);
  return to > bytes.length ? undefined : { from, to };
}

/** The frames of a batch; `undefined`: it is none. */
export function framesOfBatch(batch: Uint8Array, maxFrame: number): Framed[] | undefined {
  const all: Framed[] = [];
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let at = 0; at < batch.length;) {
    const framing = FRAMING_OF[batch[at]!];
    if (framing === undefined || at + RUN_HEADER > batch.length) return undefined;
    const end = at + RUN_HEADER + view.getUint32(at + 5);
    if (end > batch.length) return undefined;
    const { frames, length } = wholeFrames(framing, batch.subarray(at + RUN_HEADER, end));
    const isWhole = at + RUN_HEADER + length === end;
    if (!isWhole || frames.length === 0 || frames.length !== view.getUint32(at + 1)) return undefined;
    if (frames.some(({ payload }) => payload.length === 0 || payload.length > maxFrame)) return undefined;
    all.push(...frames);
    at = end;
  }
  return all.length === 0 ? undefined : all;
}

/** A place in the stream, and what mobs call the stream. */
export interface OrderPlace {
  readonly sequence: number;
  readonly life: string;
}

/** What is known of a node. */
interface Node {
  next: number;
  /** The bytes of the next batch that have come, and how many were in the last piece. */
  bytes: Uint8Array;
  piece: number;
  /** Something of it may be missing. */
  loose: boolean;
}

/** What one mob must publish. It asks as it goes, since it may have given up a batch of its own meanwhile. */
export class Order {
  /** The mob's own node; empty until it is known. */
  own = "";
  /** The next of the mob's own batches. */
  ownNext = 1;
  /** Its own batch that was told as lost last, as long as nothing behind it has come: a copy of it may still come. */
  ownLost: number | undefined;
  refused = 0;
  repeated = 0;
  missed = 0;
  restarts = 0;
  /** The sequence that was read last. */
  sequence = 0;
  /** Where the mob's own batch lay that it has published last. */
  previous: OrderPlace | undefined;
  /** Behind which place it has been told of everything. */
  #heard: OrderPlace = { sequence: 0, life: "" };
  /** Where the last own batch lay that the sender of a message had published by then. */
  readonly #previousOf: (message: Uint8Array) => OrderPlace | undefined;
  readonly #framing: FramingName;
  readonly #maxFrame: number;
  /** The frames of one of the mob's own batches. */
  readonly #batch: (number: number) => readonly Framed[] | undefined;
  readonly #told: Told[] = [];
  #read = 0;
  /** Whether the last one counts once more. */
  #again = false;
  readonly #nodes: Map<string, Node> = new Map();

  readonly #reach: (mark: BusMark) => void;

  constructor(
    framing: FramingName,
    maxFrame: number,
    batch: (number: number) => readonly Framed[] | undefined,
    reach: (mark: BusMark) => void,
    previousOf: (message: Uint8Array) => OrderPlace | undefined,
  ) {
    this.#previousOf = previousOf;
    this.#reach = reach;
    this.#framing = framing;
    this.#maxFrame = maxFrame;
    this.#batch = batch;
  }

  /** The mob is told of the stream. */
  tell(told: Told): void {
    this.#told.push(told);
  }

  /** What comes next; `undefined`: nothing of what it was told. */
  next(): Due | undefined {
    while (this.#read < this.#told.length) {
      const told = this.#told[this.#read++]!;
      this.#again = false;
      if ("opened" in told) {
        this.sequence = told.opened;
        this.#heard = { sequence: told.opened, life: told.life };
        continue;
      }
      const due = "bytes" in told ? this.#message(told.sequence, told.bytes) : this.#hole(told);
      if (this.#again) this.#read--;
      if (due) return due;
    }
    return undefined;
  }

  #hole(told: Exclude<Told, { bytes: Uint8Array } | { opened: number }>): Due {
    for (const node of this.#nodes.values()) node.loose = true;
    const restarted = "restarted" in told;
    if (restarted) this.restarts++;
    if (restarted) {
      this.#heard = { sequence: told.life === this.#heard.life ? this.sequence : 0, life: told.life };
      this.sequence = 0;
    } else {
      this.sequence = told.to - 1;
      this.#heard = { ...this.#heard, sequence: this.sequence };
    }
    return { type: "gap", restarted };
  }

  #message(sequence: number, message: Uint8Array): Due | undefined {
    this.sequence = sequence;
    const piece = pieceOf(message, this.#framing);
    if (!piece) this.refused++;
    else if (piece.node === this.own) {
      const due = this.#ownPiece(piece);
      if (due) this.previous = { sequence, life: this.#heard.life };
      return due;
    } else return this.#piece(piece, this.#previousOf(message));
    return undefined;
  }

  /** A piece of its own goes out only when those before it are back, or known to be missing. */
  #ownPiece({ node, number, isLast }: Piece): Due | undefined {
    const frames = this.#batch(number) ?? [];
    if (number === this.ownLost) {
      if (!isLast) return undefined;
      this.ownLost = undefined;
      return { type: "batch", node, number, frames, late: true };
    }
    if (number === this.ownNext) this.ownLost = undefined;
    if (number < this.ownNext) this.repeated++;
    if (number !== this.ownNext || !isLast) return undefined;
    this.ownNext++;
    return { type: "batch", node, number, frames };
  }

  #piece({ node: name, number, start, isLast, bytes }: Piece, previous: OrderPlace | undefined): Due | undefined {
    const known = this.#nodes.get(name);
    if (!known && start === 0 && previous?.life === this.#heard.life && previous.sequence > this.#heard.sequence) {
      this.#nodes.set(name, { next: number - 1, bytes: new Uint8Array(), piece: 0, loose: true });
      this.#again = true;
      this.#reach("lost before it was known");
      return { type: "gap", restarted: false };
    }
    const node = known ?? { next: number, bytes: new Uint8Array(), piece: 0, loose: true };
    const end = start + bytes.length;
    const have = node.bytes.length;
    if (number < node.next || (number === node.next && have > 0 && end <= have)) {
      this.repeated++;
      if (this.restarts > 0) this.#reach("came again");
      return undefined;
    }
    const isBehind = number > node.next || start > have;
    if (isBehind && !node.loose && start === 0) {
      node.loose = this.#again = true;
      this.#reach("lost and not told");
      return { type: "gap", restarted: false };
    }
    if (isBehind && start > 0) return this.#headless(name, node, number, isLast);
    const before = { ...node, bytes: new Uint8Array() };
    const { missed } = this;
    this.#nodes.set(name, node);
    if (isBehind) {
      this.missed += number - node.next;
      [node.next, node.bytes] = [number, new Uint8Array()];
    }
    if (start < node.bytes.length) this.#reach("pieces twice");
    if (node.bytes.length > 0 && !isLast && bytes.length !== node.piece) this.#reach("pieces of another size");
    node.piece = bytes.length;
    node.bytes = joined(node.bytes, bytes.subarray(node.bytes.length - start));
    if (!isLast) return undefined;
    const frames = framesOfBatch(node.bytes, this.#maxFrame);
    [node.next, node.bytes] = [number + 1, new Uint8Array()];
    node.loose = false;
    if (frames) return { type: "batch", node: name, number, frames };
    this.refused++;
    this.#reach("foreign batch");
    this.missed = missed;
    if (known) this.#nodes.set(name, before);
    else this.#nodes.delete(name);
    return undefined;
  }

  /** A piece without those before it: only at its end it is clear that its batch is missing. */
  #headless(name: string, node: Node, number: number, isLast: boolean): Due | undefined {
    this.#nodes.set(name, node);
    if (!isLast) return undefined;
    node.loose = false;
    this.#reach("without its beginning");
    this.missed += number + 1 - node.next;
    [node.next, node.bytes] = [number + 1, new Uint8Array()];
    return { type: "gap", restarted: false };
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
