/** A WebSocket client on a plain socket, which sends whatever bytes a test likes. */

import type { Socket as NetSocket } from "node:net";
import { assertEquals } from "@std/assert";
import { parseUrl } from "../../src/framing/url.ts";
import { concat, textsOf } from "./bytes.ts";
import { plainSocket, type Transport } from "./transports.ts";
import { type Bell, nextTick } from "./wait.ts";
import { StreamReader } from "./websocket_stream.ts";

/** A socket to a WebSocket listener, and everything that came from it. */
export class WebSocketPeer {
  /** What broke the connection; `undefined` while nothing has. */
  error: Error | undefined;
  /** What came so far. */
  readonly received: StreamReader = new StreamReader();
  readonly #socket: NetSocket;
  readonly #bell: Bell;
  #ended = false;
  #closed = false;

  /** Connects to a URL, over TLS or not. It may send at once. */
  constructor(url: string, transport: Transport, bell: Bell) {
    this.#bell = bell;
    this.#socket = transport.raw(plainSocket(parseUrl(url).address));
    this.#socket.on("data", (chunk: Uint8Array) => {
      this.received.read(chunk);
      bell.ring();
    });
    this.#socket.on("error", (error) => this.error ??= error);
    this.#socket.on("end", () => {
      this.#ended = true;
      bell.ring();
    });
    this.#socket.on("close", () => {
      this.#closed = true;
      bell.ring();
    });
  }

  /** The messages that came, as texts. */
  get messages(): string[] {
    return this.received.frames.filter((frame) => !/^(ping|pong|close):/.test(frame));
  }

  /** The messages of `mobcast.u64` that came, as texts. */
  get unpacked(): string[] {
    return this.received.payloads.flatMap((payload) => textsOf(payload));
  }

  /** Sends bytes. */
  send(...chunks: readonly Uint8Array[]): void {
    const bytes = concat(...chunks);
    // node:tls of Deno fails an empty write before its handshake is over.
    if (bytes.length > 0) this.#socket.write(bytes);
  }

  /** Sends bytes in pieces of so many, each in a segment of its own. */
  async sendSlowly(bytes: Uint8Array, size = 1): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      this.send(bytes.subarray(at, at + size));
      await nextTick();
    }
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Ends its half. */
  end(): void {
    this.#socket.end();
  }

  /** Drops the connection, and waits until that is done: Node 20 spins at its end where a socket over TLS still closes. */
  async drop(): Promise<void> {
    this.#socket.destroy();
    await this.until(() => this.#closed, "the connection to be over");
  }

  /** Waits for the answer to the handshake, and returns its status. */
  async answered(): Promise<number> {
    await this.until(() => this.received.status > 0, "an answer to its handshake");
    return this.received.status;
  }

  /** Waits until so many messages came, or a frame that is wanted. */
  async got(what: number | string): Promise<void> {
    const done = (): boolean =>
      typeof what === "number" ? this.messages.length >= what : this.received.frames.includes(what);
    await this.until(done, `${what}`);
  }

  /** Waits for the end of the stream, ends its own half, and returns the last frame. Fails unless both ends were clean. */
  async ends(): Promise<string | undefined> {
    await this.until(() => this.#ended, "the end of the stream");
    this.#socket.end();
    await this.until(() => this.#closed, "the end of the connection");
    assertEquals([this.error, this.received.status === 101 ? this.received.rest.length : 0], [undefined, 0]);
    return this.received.frames.at(-1);
  }

  /** Waits until the connection is over, however. */
  async over(): Promise<void> {
    await this.until(() => this.#ended || this.#closed, "the connection to be over");
  }

  /** Waits for something of it. Rejects when the connection is over before that. */
  async until(done: () => boolean, what: string): Promise<void> {
    const { received } = this;
    const state = (): string => `${what}: ${received.status} ${received.frames.slice(-3)} ${received.rest.length}`;
    await this.#bell.until(() => done() || this.#closed, state);
    if (!done()) throw new Error(`the connection is over, without ${state()}`);
  }
}
