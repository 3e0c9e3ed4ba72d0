/** Clients of the soak that are checked: they receive every frame once, in one order. */

import type { Client } from "../../src/client/client.ts";

/** Bytes at the start of each payload: which client sends it, and which of its frames it is. */
const STAMP = 8;

/** Sizes of payloads: of one segment, and of several chunks. */
const SIZES = [STAMP, 40, 1100, 9000, 200, 30_000];

let publishers = 0;

/** A client that numbers what it says. */
export class Publisher {
  readonly id: number = ++publishers;
  /** Frames said. */
  said = 0;

  /** The next payload. */
  next(): Uint8Array {
    const bytes = new Uint8Array(SIZES[(this.id + this.said) % SIZES.length]!).fill(this.id);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.id);
    view.setUint32(4, this.said++);
    return bytes;
  }
}

/** A client that receives everything for as long as the soak lasts. */
export class Subscriber {
  /** Frames received. */
  received = 0;
  /** A sum over all that was received, in its order. */
  order = 0;
  /** What was wrong, in words. */
  readonly problems: string[] = [];
  /** How many frames of each publisher were received: none of them twice, none missing in between. */
  readonly #frames: Map<number, number> = new Map();

  /** Listens until the peer has ended. */
  async listen(peer: Client): Promise<void> {
    for await (const message of peer) this.receive(message);
  }

  /** Hears one frame. */
  receive(message: Uint8Array): void {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const [id, sequence] = [view.getUint32(0), view.getUint32(4)];
    const expected = this.#frames.get(id) ?? 0;
    if (sequence !== expected) this.problems.push(`frame ${sequence} of ${id} came where ${expected} was due`);
    for (let at = STAMP; at < message.length; at += 997) {
      if (message[at] !== (id & 0xff)) this.problems.push(`frame ${sequence} of ${id} is garbled at ${at}`);
    }
    this.#frames.set(id, sequence + 1);
    this.order = (Math.imul(this.order, 31) + id * 7919 + sequence) | 0;
    this.received++;
  }

  /** How many frames of a publisher it received. */
  receivedFrom({ id }: Publisher): number {
    return this.#frames.get(id) ?? 0;
  }

  /** Publishers that are gone are not asked about any more. */
  forget({ id }: Publisher): void {
    this.#frames.delete(id);
  }
}
