/**
 * Common offsets: the mobs of a bus publish the same frames in the same order, so they can count them alike, and a client can
 * resume its stream at any of them.
 *
 * Each mob counts in a way of its own until it hears of a better one: every message on the bus says where its mob was in the
 * order when it sent that, and by which way of counting at which offset. The way with the larger offset wins, which is the
 * older one. A mob that has missed something begins anew. What a client asks for in a way that its mob does not know is not
 * known, and the client is told so.
 *
 * @module
 */

import { freshEpoch, type Numbering } from "../framing/hello.ts";
import { utf8 } from "../bytes.ts";

/** A place in the common order, and the offset in the stream of frames behind it. */
export interface CommonOffset {
  /** The sequence of the last batch before it. */
  readonly sequence: number;
  /** The way of counting: 16 hexadecimal digits. */
  readonly epoch: string;
  /** The offset, in bytes of the framing of the mobs. */
  readonly offset: number;
}

/** What has published, in the mob. */
export interface OffsetSource {
  /** Bytes of what was published, in the framing of the mob. */
  readonly carried: number;
  /** The ways of counting that the mob knows, the first one before the others. */
  readonly numberings: Numbering[];
}

/** How many ends of batches are kept: what a message says of an older one comes too late. */
const KEPT = 1024;

/** How many ways of counting a mob knows. */
const WAYS = 8;

/** How one mob counts. */
export class CommonOffsets {
  readonly #source: OffsetSource;
  /** Where the last batches ended, in the order and in the mob's own count. */
  #ends: { readonly sequence: number; readonly carried: number }[] = [];
  /** Where the mob has begun, or has missed something, in its own count. */
  #since = 0;

  /** Counts what `source` publishes. */
  constructor(source: OffsetSource) {
    this.#source = source;
  }

  /** The mob begins to read behind `sequence`, in a life of the stream. All that read it from its beginning count alike. */
  begin(sequence: number, life: string): void {
    this.#since = this.#source.carried;
    this.#ends = [{ sequence, carried: this.#since }];
    this.#restart(sequence === 0 ? epochOf(life) : freshEpoch());
  }

  /** The batch with this sequence is published. */
  passed(sequence: number): void {
    this.#ends.push({ sequence, carried: this.#source.carried });
    if (this.#ends.length >= 2 * KEPT) this.#ends.splice(0, KEPT);
  }

  /** Something was missed: what comes is counted anew. */
  missed(): void {
    this.#since = this.#source.carried;
    this.#doubt();
  }

  /** From now on it counts in a way of its own, which holds for all that it has published since it has missed something. */
  #doubt(): void {
    this.#ends = [];
    this.#restart(freshEpoch());
  }

  /** Where the mob is; `undefined`: it has read nothing since it has missed something. */
  get here(): CommonOffset | undefined {
    const end = this.#ends.at(-1);
    const { epoch, base } = this.#source.numberings[0]!;
    return end && { sequence: end.sequence, epoch, offset: base + end.carried };
  }

  /** Another mob has said where it was. */
  told({ sequence, epoch, offset }: CommonOffset): void {
    const end = this.#ends.findLast((each) => each.sequence <= sequence);
    if (!end) return;
    const { numberings } = this.#source;
    const [own] = numberings;
    const ownOffset = own!.base + end.carried;
    if (epoch === own!.epoch) {
      // One of both has published something that the other has not: nobody knows which.
      if (offset !== ownOffset) this.#doubt();
    } else if (offset > ownOffset || (offset === ownOffset && epoch < own!.epoch)) {
      numberings.unshift({ epoch, base: offset - end.carried, from: end.carried });
      // The last one is its own, which always holds.
      if (numberings.length > WAYS) numberings.splice(WAYS - 1, 1);
    }
  }

  #restart(epoch: string): void {
    this.#source.numberings.splice(0, Infinity, { epoch, base: 0, from: this.#since });
  }
}

/** The way of counting of those that read a stream from the beginning of its life: FNV-1a of the life's name. */
export function epochOf(life: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of utf8(life)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}
