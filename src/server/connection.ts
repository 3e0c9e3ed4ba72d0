/**
 * A connection: a socket, a decoder, and a cursor into the log.
 *
 * @module
 */

import type { Socket } from "../contract/adapter.ts";
import type { FrameDecoder } from "../framing/decoder.ts";
import type { LagEntry } from "../broadcast/lag_heap.ts";
import type { ReceiveBuffer } from "../framing/receive_buffer.ts";
import type { CloseReason } from "./stats.ts";
import type { Token } from "../contract/token.ts";

/** A stretch of the log, from an offset to an offset. */
export interface LogRange {
  /** Where it begins. */
  readonly from: number;
  /** Where it ends. */
  to: number;
  /** How many frames it holds: counting them in the log would be a walk. */
  frames: number;
  /** The next one of the same connection. */
  next?: LogRange;
}

/** What the core knows of one connection. It holds no behavior: receiver, broadcast and mob each move their part. */
export class Connection implements LagEntry {
  /** Its name. */
  readonly token: Token;
  /** Its byte stream. */
  readonly socket: Socket;
  /** Cuts what it sends into frames. */
  readonly decoder: FrameDecoder;
  /** When it joined, or came as an unauthenticated connection, in the adapter's milliseconds. */
  since: number;
  /** What it has said of the shared secret, while it is an unauthenticated connection; `undefined`: it is a member. */
  receiving: ReceiveBuffer | undefined;

  // --- receiver: what comes from it ---

  /** Frames published from it. */
  framesIn = 0;
  /** Bytes of those frames. */
  bytesIn = 0;
  /** The rest of a chunk that was more than a read may take. */
  unread: Uint8Array | undefined;
  /** Not read from until its own lag is small again. */
  paused = false;

  // --- broadcast: what it is given ---

  /** How many frames had been published when it joined. */
  framesAtJoin = 0;
  /** The offset up to which it was given the log. Its stream starts at the log's end of the moment it joined. */
  cursor = 0;
  /** Where its stream ends: the log's end at the moment it began to leave. */
  until: number = Infinity;
  /** How many frames had been published by then. */
  framesAtUntil = 0;
  /** The rest of a half-sent frame that the log no longer holds for it (`skip`). */
  remainder: Uint8Array | undefined;
  /**
   * How many frames had been published at its cursor when it was skipped (`skip`). Until its socket takes bytes again
   * it is skipping: the log holds nothing for it, and it will go on at whatever is the live end then. -1: it is not.
   */
  skippingAt = -1;
  /** Stretches of the log that it is not given because it sent them (`echo: "others"`), the first first. */
  own: LogRange | undefined;
  /** The last of them, when there are any. A list, since Node takes the first of a long array by moving all others. */
  ownLast: LogRange | undefined;
  /** Bytes that its socket took. */
  bytesDelivered = 0;
  /** Bytes that it missed. */
  bytesSkipped = 0;
  /** Frames that it missed. */
  framesSkipped = 0;
  /** Its place among those that wait for WRITABLE; -1: it does not wait. */
  heapIndex = -1;
  /** Its place among those that are given every tick's news at once; -1: not there. */
  flowingIndex = -1;

  // --- end ---

  /** Why it is leaving, once it is. */
  leaving: CloseReason | undefined;
  /** Whether it was given everything and told so: our half of the stream has ended. */
  shut = false;

  /** Makes a connection whose stream has yet to start. */
  constructor(token: Token, socket: Socket, decoder: FrameDecoder, since: number) {
    this.token = token;
    this.socket = socket;
    this.decoder = decoder;
    this.since = since;
  }
}
