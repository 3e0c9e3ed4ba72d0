/**
 * The clients of a load, and the tick that handles those that are ready.
 *
 * @module
 */

import type { Adapter, Readiness } from "../contract/adapter.ts";
import { Poll } from "../reactor/poll.ts";
import { indexOf, type Token } from "../contract/token.ts";
import { LoadClient, type Target } from "./load_client.ts";
import type { Stamper } from "./message.ts";
import type { Stream } from "./stream.ts";

/** How many clients may be joining at a time: a server's backlog may be small. */
const JOINING = 128;

/** Milliseconds between two attempts, while not all have joined. */
const RETRY = 10;

/** Bytes of the stream that are kept before it is trimmed. */
const HELD = 8 * 2 ** 20;

/** Milliseconds between two looks at the clock. */
const TICK = 1;

/** The clients of one run. They use sockets of the contract: a `Client` for each would be slower than the server. */
export class LoadClients {
  /** All of them; the first ones are the publishers. */
  readonly clients: LoadClient[] = [];
  /** Frames received by all clients together. */
  received = 0;
  /** Frames sent by all clients together. */
  sent = 0;
  /** When the current tick began, by the adapter's clock. */
  tickAt = 0;
  /** Called at the end of each tick. */
  onTick: () => void = () => {};

  readonly #adapter: Adapter;
  readonly #publishers: number;
  readonly #stream: Stream;
  readonly #stamper: Stamper;
  /** The stream is trimmed when it holds so many bytes. */
  #trimAt = HELD;
  readonly #poll: Poll;

  /** Begins without clients. */
  constructor(adapter: Adapter, publishers: number, stream: Stream, stamper: Stamper) {
    this.#adapter = adapter;
    this.#publishers = publishers;
    this.#stream = stream;
    this.#stamper = stamper;
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
  }

  /** Whether every client has received everything that was sent. */
  get allReceived(): boolean {
    const publishers = this.clients.slice(0, this.#publishers);
    return publishers.every(({ flushed, sent }, index) => flushed && this.#stream.dueOf(index) === sent) &&
      this.clients.every(({ receiver }) => receiver.isLevel);
  }

  /** The first client whose connection is over. */
  get ended(): LoadClient | undefined {
    return this.clients.find(({ ended }) => ended !== undefined);
  }

  /**
   * Connects clients until there are `count`. A client has joined when it has received a frame, so the first client sends
   * frames until all have. Returns whether all joined: false after `stop`, or when no further client received anything for
   * `quiet` milliseconds.
   */
  async join(count: number, target: Target, quiet: number, stop: AbortSignal): Promise<boolean> {
    let waiting = 0;
    for (let progressAt = this.#adapter.now(); this.clients.length < count || waiting > 0;) {
      const room = this.clients.length === 0 ? 1 : Math.min(count - this.clients.length, JOINING - waiting);
      if (room > 0) await this.#connect(room, target, stop);
      const before = waiting + Math.max(0, room);
      const first = this.clients[0]!;
      if (first.flushed) this.publish(0, 1, () => this.#adapter.now());
      await this.until(() => this.clients.every(({ receiver }) => receiver.received > 0), RETRY);
      waiting = this.clients.filter(({ receiver }) => receiver.received === 0).length;
      if (waiting < before) progressAt = this.#adapter.now();
      if (stop.aborted || this.ended !== undefined || this.#adapter.now() - progressAt > quiet) return false;
    }
    return this.until(() => this.allReceived, quiet);
  }

  /** A publisher sends `count` frames; `sentAt` returns the time of sending of each. */
  publish(publisher: number, count: number, sentAt: (index: number) => number): void {
    const client = this.clients[publisher]!;
    const bytes = this.#stamper.frames(publisher, client.sent, count, sentAt);
    client.sent += count;
    this.sent += count;
    client.send(bytes);
  }

  /** Waits until the condition holds. Returns whether it did within so many milliseconds. */
  async until(condition: () => boolean, milliseconds: number): Promise<boolean> {
    const deadline = this.#adapter.now() + milliseconds;
    while (!condition()) {
      if (this.#adapter.now() >= deadline) return false;
      await this.#pause();
    }
    return true;
  }

  /** Drops all connections. */
  close(): void {
    for (const client of this.clients) client.close();
  }

  /** Resolves after a moment, independently of ticks. */
  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#adapter.after(TICK, resolve));
  }

  async #connect(count: number, target: Target, stop: AbortSignal): Promise<void> {
    const coming = Array.from({ length: count }, () => {
      const client = new LoadClient(this.clients.length, this.#stream);
      this.clients.push(client);
      return client.connect(this.#adapter, target, this.#poll, stop);
    });
    // Waits for every outcome before the first failure is thrown, so that no attempt is left under way.
    const failed = (await Promise.allSettled(coming)).find(({ status }) => status === "rejected");
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }

  #tick(events: ReadonlyMap<Token, Readiness>): void {
    this.tickAt = this.#adapter.now();
    for (const [token, readiness] of events) {
      const client = this.clients[indexOf(token)]!;
      const before = client.receiver.received;
      client.handle(readiness);
      this.received += client.receiver.received - before;
    }
    if (this.#stream.held >= this.#trimAt) this.#trim();
    this.onTick();
  }

  /** Drops the part of the stream that all clients have received. */
  #trim(): void {
    let needed = Infinity;
    for (const { receiver } of this.clients) needed = Math.min(needed, receiver.needs ?? Infinity);
    this.#stream.trim(needed);
    this.#trimAt = Math.max(HELD, 2 * this.#stream.held);
  }
}
