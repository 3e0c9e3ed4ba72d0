/**
 * Clients on `node:net` and `node:tls`, which do what no adapter would.
 *
 * @module
 */

import type { Socket as NetSocket } from "node:net";
import { setTimeout } from "node:timers";
import { Worker } from "node:worker_threads";
import { assert } from "@std/assert";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { isPattern, pattern, STEP } from "./pattern.ts";
import { type Bell, DEADLINE, within } from "./wait.ts";

/** A client on `node:net` or `node:tls`, which does what no adapter would. */
export class RawClient {
  readonly socket: NetSocket;
  /** Bytes that came. */
  received = 0;
  /** Whether the other end has ended its half. */
  ended = false;
  /** Whether the connection is over. */
  closed = false;
  /** What broke it. */
  error: Error | undefined;
  /** What should not have come. */
  readonly violations: string[] = [];

  readonly #bell: Bell;
  readonly #below: NetSocket;

  constructor(bell: Bell, socket: NetSocket, below: NetSocket) {
    this.#bell = bell;
    this.#below = below;
    this.socket = socket;
    socket.on("error", (error) => this.error ??= error);
    socket.on("end", () => {
      this.ended = true;
      bell.ring();
    });
    socket.on("close", () => {
      this.closed = true;
      bell.ring();
    });
  }

  /** Starts to read, expecting the pattern. Before that it reads nothing. */
  listen(): void {
    this.socket.on("data", (chunk: Uint8Array) => {
      if (!isPattern(chunk, this.received)) this.violations.push(`wrong bytes from ${this.received} on`);
      this.received += chunk.length;
      this.#bell.ring();
    });
  }

  /** Begins to read as {@link listen} does, a little at a time, as on a slow line. */
  sip(): void {
    this.listen();
    this.socket.on("data", () => {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), 1);
    });
  }

  /** Sends the pattern from `offset` on. */
  write(offset: number, length: number): void {
    for (let at = 0; at < length; at += STEP) {
      this.socket.write(pattern(offset + at, Math.min(STEP, length - at)));
    }
  }

  /** Breaks the connection: the other end gets a reset. */
  reset(): void {
    this.#below.resetAndDestroy();
    this.socket.destroy();
  }

  /** Its own port, by which a server knows it. */
  get port(): number {
    return this.#below.localPort!;
  }

  /** Waits until so many bytes came. */
  got(total: number): Promise<void> {
    return this.#bell.until(
      () => this.received >= total,
      () => `${total} bytes at the raw client, has ${this.received}`,
    );
  }

  /** Waits until the other end has ended or broken the connection. */
  over(): Promise<void> {
    return this.#bell.until(() => this.ended || this.closed, () => `the end at the raw client`);
  }
}

/** Runs in a worker, on any of the runtimes. */
const RESET_STORM = `
  import("node:worker_threads").then(async ({ workerData: { host, port, count, done } }) => {
    const { connect } = await import("node:net");
    const reset = () => new Promise((resolve) => {
      const socket = connect({ host, port }, () => socket.resetAndDestroy());
      socket.on("error", () => {});
      socket.on("close", resolve);
    });
    for (let left = count; left > 0; left -= 20) await Promise.all(Array.from({ length: 20 }, reset));
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
  });
`;

/**
 * Connects so many times and resets each connection before it can be accepted: a worker does it while this thread
 * stands still. Resolves when the worker is gone.
 */
export async function resetStorm(address: NetworkAddress, count: number): Promise<void> {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(RESET_STORM, {
    eval: true,
    workerData: { host: address.host, port: address.port, count, done },
  });
  const gone = new Promise<void>((resolve, reject) => void worker.once("error", reject).once("exit", () => resolve()));
  // "not-equal": the worker was done before this thread, which was held up, came to stand still.
  assert(Atomics.wait(done, 0, 0, DEADLINE) !== "timed-out", "the storm is not over");
  await within(gone, "the storm to be over");
}
