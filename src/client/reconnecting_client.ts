/**
 * Reconnecting: a client that outlives its connections.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";
import type { Adapter } from "../contract/adapter.ts";
import { Backoff, BACKOFF_CHECKS } from "./backoff.ts";
import { AwakeClock } from "../reactor/awake_clock.ts";
import { checkFields, checkOptions, type Checks, isBoolean, isFunction } from "../check.ts";
import { describe } from "../errors.ts";
import { callHook } from "../call_hook.ts";
import { logger } from "../logger.ts";
import type { Payload } from "../framing/payload.ts";
import type { Client } from "./client.ts";
import { type ClientCloseOptions, CLOSE_CHECKS, SEND_CHECKS, type SendOptions } from "./client_options.ts";
import type { ConnectionChange, ReconnectOptions } from "./reconnect_options.ts";
import { SendQueue } from "./send_queue.ts";

/** What a {@link ReconnectingClient} is made of. */
export interface ReconnectWith {
  /** Its clock. */
  readonly clock: Pick<Adapter, "after" | "now">;
  /** What errors call the mob. */
  readonly name: string;
  /** Makes a new connection, and ends it when the signal aborts. */
  readonly dial: (signal: AbortSignal) => Promise<Client>;
  /** The bytes of a payload. Throws when it cannot be one. */
  readonly payloadOf: (payload: Payload) => Uint8Array;
  /** Draws the waits where the options do not. */
  readonly random: () => number;
  /** Ends everything at once when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const RECONNECT_CHECKS: Checks = {
  ...BACKOFF_CHECKS,
  retryInitial: isBoolean,
  onChange: isFunction,
  onGap: isFunction,
};

/** One connection of a reconnecting client. */
interface Session {
  readonly client: Client;
  readonly messages: AsyncGenerator<Uint8Array, void, void>;
  /** When the connection was made, by the clock. */
  readonly since: number;
  /** When it ended. */
  until: number;
  /** Whether it has lasted, or received something. */
  stable: boolean;
}

/**
 * A {@link Client} that connects again by itself: what `connect(url, { reconnect: true })` returns.
 *
 * A message is sent over one connection, once. When that connection breaks, messages whose `send` has resolved may have
 * arrived or not, and are not sent again; messages whose `send` still waits go over the next connection. An application
 * that sends a message again may therefore send it twice. While there is no connection `send` waits, until its signal
 * aborts.
 *
 * Messages that the application has not taken are kept for two connections: the newest, and the one that the iterator is
 * at, up to 1 MiB and a read each. The messages of connections in between are part of the gap.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using client = await connect(mob.urls[0]!, {
 *   reconnect: {
 *     maxDelay: 10_000,
 *     onChange: (change) => console.log(change.kind),
 *     onGap: ({ milliseconds }) => console.log("missed the messages of", milliseconds, "ms"),
 *   },
 * });
 * await client.send(new TextEncoder().encode("hello"));
 * ```
 */
export class ReconnectingClient implements AsyncDisposable, AsyncIterable<Uint8Array> {
  /** Resolves when the client is closed, was aborted, or has given up. It never rejects: `send` and iterators do. */
  readonly closed: Promise<void>;

  readonly #with: ReconnectWith;
  readonly #options: ReconnectOptions;
  readonly #backoff: Backoff;
  /** Aborts what is under way: a wait, an attempt or a connection. */
  readonly #cut: AbortController = new AbortController();
  /** Calls of `send` that wait for a connection. */
  readonly #senders: SendQueue<undefined> = new SendQueue();
  /** The client to send over; `undefined` while there is no connection. */
  #client: Client | undefined;
  /** The newest connection. */
  #newest: Session | undefined;
  /** The connection that iterators are at: the newest or an older one. */
  #current: Session | undefined;
  /** Iterators that wait for something to change. */
  #waiting: (() => void)[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  /** Why not everything that was sent before `close` has arrived. */
  #cutShort: Error | undefined;
  #ignoreSignal: (() => void) | undefined;
  #resolveClosed: () => void = () => {};

  /** Makes a client without a connection: use `connect()`. Throws a `TypeError` or a `RangeError` when an option is wrong. */
  constructor(parts: ReconnectWith, options: ReconnectOptions = {}) {
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#with = parts;
    this.#options = checkFields("reconnect", options, RECONNECT_CHECKS, "reconnect.");
    this.#backoff = new Backoff(this.#options, parts.random);
  }

  /**
   * Connects for the first time, and from then on whenever the connection is lost. Call it once. Resolves when the first
   * connection is made. Rejects when it fails; with `retryInitial`, when the client gives up.
   */
  open(): Promise<void> {
    const { signal, name } = this.#with;
    const abort = (): void => this.#cut.abort(signal?.reason);
    if (signal?.aborted) abort();
    else if (signal !== undefined) this.#ignoreSignal = onAbort(signal, abort);
    return new Promise((resolve, reject) => {
      const end = (error?: unknown): void => {
        this.#ignoreSignal?.();
        this.#end(error);
        // Has no effect when there was a connection.
        reject(error ?? new Error(`Cannot connect to ${name}: it was closed meanwhile`));
      };
      this.#live(resolve).then(() => end(), end);
    });
  }

  /**
   * Sends one message, as {@link Client.send} does; waits while there is no connection. Rejects with an `Error` when there
   * will never be one.
   */
  async send(payload: Payload, options?: SendOptions): Promise<void> {
    const signal = options === undefined ? undefined : checkOptions("send()", options, SEND_CHECKS).signal;
    signal?.throwIfAborted();
    // A copy, since the message may go over a later connection.
    const bytes = this.#with.payloadOf(payload).slice();
    for (;;) {
      signal?.throwIfAborted();
      if (this.#state !== "open") throw this.#overError();
      if (this.#client === undefined) await this.#senders.wait(undefined, signal);
      const client = this.#client;
      if (client === undefined) continue;
      try {
        return await client.send(bytes, signal === undefined ? undefined : { signal });
      } catch (error) {
        // A client that is over has taken none of the message: it can go over the next connection.
        if (!client.isOver || signal?.aborted) throw error;
        if (this.#client === client) this.#client = undefined;
      }
    }
  }

  /** Messages of all connections, as they come; see `onGap`. Ends with {@link close}, throws when the client gives up. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const session = this.#current;
      const message = session === undefined ? undefined : await nextOf(session);
      if (message !== undefined) {
        this.#isStable(session!);
        yield message;
      } else if (session !== this.#current) {
        // Another iterator has gone on to the next connection.
      } else if (session !== this.#newest) {
        this.#current = this.#newest;
        const milliseconds = Math.round(this.#newest!.since - session!.until);
        await this.#options.onGap?.({ milliseconds, error: session!.client.error });
      } else if (this.#state === "closed") {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      }
    }
  }

  /**
   * Ends the client: it connects no more. With a connection, what waits is sent as {@link Client.close} does; without one
   * it is rejected. Resolves when the connection is over; {@link error} tells when not everything has arrived.
   */
  async close(given?: ClientCloseOptions): Promise<void> {
    const options = checkOptions("close()", given, CLOSE_CHECKS);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#current = this.#newest;
      if (this.#client === undefined) this.#cut.abort();
    }
    void this.#client?.close(options);
    await this.closed;
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * What ended the client: the signal's reason, why it gave up, or why not everything that was sent before {@link close}
   * has arrived; `undefined` while it lasts, and when it ended in order.
   */
  get error(): Error | undefined {
    return this.#error ?? this.#cutShort;
  }

  /** Whether the client is over: there is no connection, and there will be none. */
  get isOver(): boolean {
    return this.#state === "closed";
  }

  /** Connects, and connects again, until the client is closed. Throws when it is aborted or gives up. */
  async #live(connected: () => void): Promise<void> {
    for (let first = true; this.#state === "open";) {
      let failure: Error | undefined;
      try {
        const client = await this.#with.dial(this.#cut.signal);
        this.#tell(first ? { kind: "connected" } : { kind: "reconnected", attempt: this.#backoff.count });
        first = false;
        connected();
        failure = await this.#use(client);
      } catch (error) {
        // A wrong option stays wrong: only other errors are tried again.
        if (error instanceof TypeError || error instanceof RangeError) throw error;
        if (first && this.#options.retryInitial !== true) throw error;
        failure = error as Error;
      }
      if (this.#state === "open") await this.#wait(failure);
    }
  }

  /** Uses one connection until it ends, and resolves to the error that ended it. */
  async #use(client: Client): Promise<Error | undefined> {
    const { clock } = this.#with;
    const session = { client, messages: client[Symbol.asyncIterator](), since: clock.now(), until: 0, stable: false };
    this.#newest = session;
    this.#current ??= session;
    // Messages that waited go out before those that an iterator's consumer sends next.
    this.#client = client;
    while (this.#senders.length > 0) this.#senders.next();
    this.#wake();
    const cancel = new AwakeClock(clock).after(this.#backoff.stableAfter, () => this.#isStable(session));
    await client.closed;
    cancel();
    session.until = clock.now();
    if (this.#client === client) this.#client = undefined;
    if (this.#state === "closing") this.#cutShort = client.error;
    else if (!this.#cut.signal.aborted) this.#tell({ kind: "lost", error: client.error });
    return client.error;
  }

  /** The connection is stable: the waits start anew. Only the newest counts, since attempts have followed an older one. */
  #isStable(session: Session): void {
    if (!session.stable && session === this.#newest) this.#backoff.count = 0;
    session.stable = true;
  }

  /** Waits before the next attempt. Throws when the client is aborted, and after the last attempt. */
  async #wait(error: Error | undefined): Promise<void> {
    const { signal } = this.#cut;
    signal.throwIfAborted();
    const milliseconds = this.#backoff.next();
    if (milliseconds === undefined) {
      const what = `Cannot reconnect to ${this.#with.name} in ${this.#backoff.maxAttempts} attempts`;
      const gaveUp = describe(what, error ?? "the mob ends each connection at once");
      this.#tell({ kind: "gave-up", error: gaveUp });
      throw gaveUp;
    }
    this.#tell({ kind: "waiting", milliseconds, attempt: this.#backoff.count, error });
    // onChange may have closed the client.
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        ignoreSignal();
        resolve();
      };
      const cancel = this.#with.clock.after(milliseconds, end);
      const ignoreSignal = onAbort(signal, end);
    });
  }

  #tell(change: ConnectionChange): void {
    callHook(
      () => this.#options.onChange?.(change),
      (error) => logger.error("Cannot run onChange of the application: {error}", { error }),
    );
  }

  #end(reason: unknown): void {
    if (this.#state === "open" && reason !== undefined) {
      this.#error = reason instanceof Error ? reason : new Error("aborted");
    }
    this.#state = "closed";
    this.#senders.fail(this.#overError());
    this.#wake();
    this.#resolveClosed();
  }

  #overError(): Error {
    return new Error(`Cannot send to ${this.#with.name}: ${this.error?.message ?? "the connection is closed"}`);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The next message of a connection; `undefined` when it is over, however it ended. */
async function nextOf({ messages }: Session): Promise<Uint8Array | undefined> {
  try {
    return (await messages.next()).value ?? undefined;
  } catch {
    // `onChange` and `onGap` tell what broke the connection.
    return undefined;
  }
}
