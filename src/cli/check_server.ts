/**
 * The server of the conformance kit: it plays what a case says, byte by byte, and keeps what clients send.
 *
 * @module
 */

import type { Address } from "../contract/address.ts";
import type { Adapter, ListeningSocket, Registry, Socket } from "../contract/adapter.ts";
import { tokenOf } from "../contract/token.ts";
import { FrameDecoder, type FrameSink } from "../framing/decoder.ts";
import { type FramingName, FRAMINGS } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { Poll } from "../reactor/poll.ts";

/** More than any case sends: what is longer is no frame of theirs. */
const LONGEST = 2 ** 21;

/** A connection of a client. */
export class CheckedConnection {
  /** Whole frames that came and were not taken, pings left out. */
  readonly frames: Uint8Array[] = [];
  /** The client has ended its half. */
  ended = false;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #sink: FrameSink;

  /** Makes one without anything read. */
  constructor(socket: Socket, framing: FramingName) {
    this.#socket = socket;
    this.#decoder = new FrameDecoder({ framing, maxFrame: LONGEST });
    this.#sink = {
      frames: (bytes, start, end) => {
        for (let at = start, next = at; at < end; at = next) {
          next = FRAMINGS[framing].end(bytes, at, end, LONGEST);
          this.frames.push(bytes.slice(at, next));
        }
      },
      pieces: (pieces, length) => this.frames.push(concatenate(pieces, length)),
    };
  }

  /** The first bytes of what came and is no whole frame. */
  get torn(): Uint8Array {
    return this.#decoder.head;
  }

  /** Whether what came can be no frame. */
  get failed(): boolean {
    return this.#decoder.failed;
  }

  /** Reads all that has come. */
  read(): void {
    for (let chunk = this.#socket.read(); chunk !== undefined && !this.failed; chunk = this.#socket.read()) {
      if (chunk === null) {
        this.ended = true;
        return;
      }
      this.#decoder.decode(chunk, this.#sink);
    }
  }

  /** Takes bytes to send, and returns how many. */
  write(bytes: Uint8Array): number {
    return this.#socket.write(bytes);
  }

  /** Ends its half of the stream. */
  end(): void {
    this.#socket.shutdown();
  }

  /** Drops the connection. */
  close(): void {
    this.#socket.close();
  }
}

/** A server on a port of this machine. */
export class CheckServer {
  /** All connections that were made, in order. */
  readonly connections: CheckedConnection[] = [];
  readonly #adapter: Adapter;
  readonly #framing: FramingName;
  readonly #poll: Poll;
  #listener: ListeningSocket | undefined;
  #look: (() => void)[] = [];

  /** Makes one that does not listen yet. */
  constructor(adapter: Adapter, framing: FramingName) {
    this.#adapter = adapter;
    this.#framing = framing;
    this.#poll = new Poll(adapter, () => this.wake());
  }

  /** Listens, and resolves to the port. */
  async open(): Promise<number> {
    const address: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };
    const registry: Registry = {
      accept: (socket) => {
        const token = tokenOf(this.connections.length, 1);
        this.connections.push(new CheckedConnection(socket, this.#framing));
        this.#poll.wake();
        return token;
      },
      ready: (token, readiness) => this.#poll.ready(token, readiness),
      acceptFailed: () => Promise.resolve(),
    };
    this.#listener = await this.#adapter.listen(address, registry);
    return (this.#listener.address as { port: number }).port;
  }

  /** Resolves when something has happened on any connection. */
  next(): Promise<void> {
    return new Promise((resolve) => void this.#look.push(resolve));
  }

  /** Wakes what waits for {@link next}. */
  wake(): void {
    for (const look of this.#look.splice(0)) look();
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const connection of this.connections) connection.close();
    await this.#listener?.close();
  }
}
