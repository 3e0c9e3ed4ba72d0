/**
 * The envelope: what stands before the bytes of a batch, or of a piece of one, in each message of a stream.
 *
 * | bytes | what |
 * | --- | --- |
 * | 3 | `mob` |
 * | 1 | the version of this layout |
 * | 1 | the number of the framing of the mobs |
 * | 1 | 1: the last piece of its batch, else 0 |
 * | 2 | zero |
 * | 8 | the node: chosen at random by each mob |
 * | 8 | the number of the batch, from 1 |
 * | 8 | the sequence of the last batch that the node had published when it sent this, or 0 |
 * | 8 | the offset behind it in the stream of frames that is common to all mobs, or 0 |
 * | 4 | where the piece begins, in bytes of the batch |
 * | 8 | by which way of counting; zero: the offset is not known |
 * | 8 | the sequence of the last batch of its own that the node had read when it sent this, or 0 |
 * | 8 | the life of the stream in which that was; zero: there was none |
 *
 * All numbers are big-endian.
 *
 * @module
 */

import { toHex, writeHex } from "../bytes.ts";
import { type FramingName, FRAMINGS } from "../framing/framing.ts";

/** The bytes of an envelope. */
export const ENVELOPE = 68;

/** The bytes of the name of a node. */
export const NODE_BYTES = 8;

const MAGIC = [0x6d, 0x6f, 0x62, 1] as const;
const LAST = 1;

/** What an envelope says. */
export interface Envelope {
  /** The node, in 16 hexadecimal digits. */
  readonly node: string;
  readonly number: number;
  readonly sequence: number;
  readonly offset: number;
  /** Where the piece begins. */
  readonly start: number;
  readonly isLast: boolean;
  /** By which way offsets count, in 16 hexadecimal digits; left out: the offset is not known. */
  readonly epoch?: string | undefined;
  /** Where the last batch of the node's own lay that it had read; left out: it had read none. */
  readonly previous?: PlaceInLife | undefined;
}

/** A place in a life of the stream. */
export interface PlaceInLife {
  readonly sequence: number;
  /** The life, in 16 hexadecimal digits that are not all zero. */
  readonly life: string;
}

/** The message of a piece. Throws a `RangeError` for a framing that has no number. */
export function wrap(envelope: Envelope, framing: string, piece: Uint8Array): Uint8Array {
  const message = new Uint8Array(ENVELOPE + piece.length);
  const view = new DataView(message.buffer);
  message.set(MAGIC);
  message[4] = framingNumber(framing);
  message[5] = envelope.isLast ? LAST : 0;
  writeHex(envelope.node, message, 8);
  writeHex(envelope.epoch ?? UNKNOWN, message, 44);
  writeHex(envelope.previous?.life ?? UNKNOWN, message, 60);
  writeNumber(view, 16, envelope.number);
  writeNumber(view, 24, envelope.sequence);
  writeNumber(view, 32, envelope.offset);
  writeNumber(view, 52, envelope.previous?.sequence ?? 0);
  view.setUint32(40, envelope.start);
  message.set(piece, ENVELOPE);
  return message;
}

/** What the envelope of a message says. `undefined`: it has none, or that of another version or framing. */
export function unwrap(message: Uint8Array, framing: string): Envelope | undefined {
  if (message.length < ENVELOPE || MAGIC.some((byte, at) => message[at] !== byte)) return undefined;
  const flags = message[5]!;
  if (message[4] !== framingNumber(framing) || flags > LAST || message[6] !== 0 || message[7] !== 0) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const [number, sequence, offset] = [readNumber(view, 16), readNumber(view, 24), readNumber(view, 32)];
  const previous = readNumber(view, 52);
  if (!(number >= 1 && sequence >= 0 && offset >= 0 && previous >= 0)) return undefined;
  // Pieces without bytes could go on for ever.
  if (flags !== LAST && message.length === ENVELOPE) return undefined;
  const epoch = toHex(message.subarray(44, 52));
  const life = toHex(message.subarray(60, 68));
  return {
    ...(epoch !== UNKNOWN && { epoch }),
    ...(life !== UNKNOWN && { previous: { sequence: previous, life } }),
    node: toHex(message.subarray(8, 16)),
    number,
    sequence,
    offset,
    start: view.getUint32(40),
    isLast: flags === LAST,
  };
}

const UNKNOWN = "0".repeat(16);

function framingNumber(framing: string): number {
  if (!Object.hasOwn(FRAMINGS, framing)) {
    throw new RangeError(`Cannot use framing ${JSON.stringify(framing)} on a bus: it has no number`);
  }
  return FRAMINGS[framing as FramingName].number;
}

function writeNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}

/** A number of 8 bytes; NaN when it is no safe integer. */
function readNumber(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : NaN;
}
