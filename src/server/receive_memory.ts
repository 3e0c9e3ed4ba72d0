/**
 * Receive memory: one bound for what all connections have sent and the mob has not published.
 *
 * @module
 */

import type { Connection } from "./connection.ts";

/** Below this many bytes the rest of a chunk is not worth a copy. */
const SMALL = 1024;

/**
 * Adds up what is kept of partial frames, of chunks that were not read to their end and of handshakes: as much as the
 * buffers behind them hold. Connections that hold something are looked through only when the bound is passed.
 */
export class ReceiveMemory {
  readonly #limit: number;
  readonly #holders: Set<Connection> = new Set();
  #bytes = 0;

  /** Nothing is held, and `limit` bytes may be. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that all connections hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The connection was read from: it may hold more or less than before. */
  note(connection: Connection): void {
    const { unread } = connection;
    // A small rest would pin a large chunk.
    if (unread && 2 * unread.length + SMALL < unread.buffer.byteLength) {
      connection.unread = unread.slice();
    }
    this.#set(connection, heldBy(connection));
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.#set(connection, 0);
  }

  /** The connections that have to go, those that hold the most first, for the others to be within the limit. */
  overLimit(): readonly Connection[] {
    if (this.#bytes <= this.#limit) return [];
    const largest = [...this.#holders].sort((one, other) => other.receiveBytes - one.receiveBytes);
    let left = this.#bytes;
    let count = 0;
    while (left > this.#limit) left -= largest[count++]!.receiveBytes;
    return largest.slice(0, count);
  }

  #set(connection: Connection, bytes: number): void {
    const before = connection.receiveBytes;
    if (bytes === before) return;
    if (before === 0) this.#holders.add(connection);
    else if (bytes === 0) this.#holders.delete(connection);
    this.#bytes += bytes - before;
    connection.receiveBytes = bytes;
  }
}

function heldBy({ decoder, unread, handshake }: Connection): number {
  return decoder.retainedBytes + (unread?.buffer.byteLength ?? 0) + (handshake?.retainedBytes ?? 0);
}
