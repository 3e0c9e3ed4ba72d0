/**
 * Reconnecting: a client that outlives its connections.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";
import type { Adapter } from "../contract/adapter.ts";
import { ATTEMPT_CHECKS, Backoff } from "./backoff.ts";
import { AwakeClock } from "../reactor/awake_clock.ts";
import { checkFields, checkOptions, type Checks, isBoolean, isFunction } from "../check.ts";
import { describe } from "../errors.ts";
import { callHook } from "../call_hook.ts";
import type { Payload } from "../framing/payload.ts";
import type { Client } from "./client.ts";
import { type ClientCloseOptions, CLOSE_CHECKS, SEND_CHECKS, type SendOptions } from "./client_options.ts";
import type { ConnectionChange, ReconnectOptions } from "./reconnect_options.ts";
import { SendQueue } from "./send_queue.ts";

/** What a {@link ReconnectingClient} works with. */
export interface ReconnectWith {
  /** Whose clock it lives by. */
  readonly clock: Pick<Adapter, "after" | "now">;
  /** What errors call the other end. */
  readonly name: string;
  /** Makes a new connection, and cuts it off when the signal aborts. */
  readonly dial: (signal: AbortSignal) => Promise<Client>;
  /** The bytes of a payload. Throws when it is none. */
  readonly payloadOf: (payload: Payload) => Uint8Array;
  /** Draws the waits, unless the options do. */
  readonly random: () => number;
  /** Ends everything at once when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const RECONNECT_CHECKS: Checks = {
  ...ATTEMPT_CHECKS,
  retryInitial: isBoolean,
  onChange: isFunction,
  onGap: isFunction,
};

/** One connection of a reconnecting client. */
interface Connection {
  readonly client: Client;
  readonly messages: AsyncGenerator<Uint8Array, void, void>;
  /** When it was made, by the clock. */
  readonly since: number;
  /** When it ended. */
  until: number;
  /** Whether it has lasted, or something was received from it. */
  good: boolean;
}

/**
 * A {@link Client} that connects again by itself: what `connect(url, { reconnect: true })` returns.
 *
 * A message is sent over one connection, once. When it breaks, those whose `send` has resolved may have arrived or not,
 * and are not sent again; those whose `send` still waits go over the next one. So what the application itself sends
 * again, not knowing, may arrive twice. While there is no connection `send` waits, and gives up with its signal.
 *
 * Of messages that nobody took, those of the last connection and of the one that the iterator is at are kept, no more
 * than 1 MiB and a read of each. What the others in between have received is part of the gap.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using client = await connect(mob.urls[0]!, {
 *   reconnect: {
 *     cap: 10_000,
 *     onChange: (change) => console.log(change.kind),
 *     onGap: ({ milliseconds }) => console.log("missed what was said in", milliseconds, "ms"),
 *   },
 * });
 * await client.send(new TextEncoder().encode("hello"));
 * ```
 */
export class ReconnectingClient implements AsyncDisposable, AsyncIterable<Uint8Array> {
  /** Resolves when it is over: closed, aborted, or given up. It never rejects: sending and iterating tell of errors. */
  readonly closed: Promise<void>;

  readonly #with: ReconnectWith;
  readonly #options: ReconnectOptions;
  readonly #attempts: Backoff;
  /** Aborts what is under way: a wait, an attempt, or at once everything. */
  readonly #cut: AbortController = new AbortController();
  /** Those who wait for a connection to send over. */
  readonly #senders: SendQueue<undefined> = new SendQueue();
  /** What can be sent over now. */
  #client: Client | undefined;
  /** The newest connection, and the one that iterators are at: that or an older one. */
  #newest: Connection | undefined;
  #received: Connection | undefined;
  /** Iterators that have received all there is. */
  #look: (() => void)[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  /** Why not all has arrived that was sent before `close`. */
  #cutShort: Error | undefined;
  #ignoreSignal: (() => void) | undefined;
  #resolveClosed: () => void = () => {};

  /** Makes one without a connection: use `connect()`. Throws a `TypeError` or a `RangeError` when an option is wrong. */
  constructor(parts: ReconnectWith, options: ReconnectOptions = {}) {
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#with = parts;
    this.#options = checkFields("reconnect", options, RECONNECT_CHECKS, "reconnect.");
    this.#attempts = new Backoff(this.#options, parts.random);
  }

  /**
   * Connects for the first time, and from then on whenever the connection is lost. Call it once. Resolves when the first
   * connection is there; rejects when it cannot be made, or with `first`, when it is given up.
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
        // Without effect when there was a connection.
        reject(error ?? new Error(`Cannot connect to ${name}: it was closed meanwhile`));
      };
      this.#live(resolve).then(() => end(), end);
    });
  }

  /**
   * Sends one message, as {@link Client.send} does; waits while there is no connection. Rejects with an `Error` when
   * there will be none any more.
   */
  async send(payload: Payload, options?: SendOptions): Promise<void> {
    const signal = options === undefined ? undefined : checkOptions("send()", options, SEND_CHECKS).signal;
    signal?.throwIfAborted();
    // A copy, since it may go over a later connection than the one of now.
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
        // A client that is over has taken nothing of it: it can go over the next connection.
        if (!client.isOver || signal?.aborted) throw error;
        if (this.#client === client) this.#client = undefined;
      }
    }
  }

  /** Messages as they come, over all connections; see `onGap`. Ends with {@link close}, throws when it was given up. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const at = this.#received;
      const message = at === undefined ? undefined : await nextOf(at);
      if (message !== undefined) {
        this.#isGood(at!);
        yield message;
      } else if (at !== this.#received) {
        // Another iterator has gone on.
      } else if (at !== this.#newest) {
        this.#received = this.#newest;
        const milliseconds = Math.round(this.#newest!.since - at!.until);
        await this.#options.onGap?.({ milliseconds, error: at!.client.error });
      } else if (this.#state === "closed") {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => void this.#look.push(resolve));
      }
    }
  }

  /**
   * Ends it: sends what waits to be sent, where there is a connection, and connects no more; where there is none, what
   * waits is rejected. Resolves when it is over, as {@link Client.close} does: {@link error} tells when not all has arrived.
   */
  async close(given?: ClientCloseOptions): Promise<void> {
    const options = checkOptions("close()", given, CLOSE_CHECKS);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#received = this.#newest;
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
   * What ended it: the signal's reason, why it was given up, or why not all that was sent has arrived at {@link close};
   * `undefined` while it lasts, whatever becomes of a connection, and when it ended properly.
   */
  get error(): Error | undefined {
    return this.#error ?? this.#cutShort;
  }

  /** Whether it is over: there is no connection, and there will be none. */
  get isOver(): boolean {
    return this.#state === "closed";
  }

  /** Connects, and connects again, until it is closed. Throws when it is aborted or gives up. */
  async #live(connected: () => void): Promise<void> {
    for (let first = true; this.#state === "open";) {
      let failure: Error | undefined;
      try {
        const client = await this.#with.dial(this.#cut.signal);
        this.#tell(first ? { kind: "connected" } : { kind: "reconnected", attempt: this.#attempts.count });
        first = false;
        connected();
        failure = await this.#use(client);
      } catch (error) {
        // An option is wrong, and will be wrong next time: any other error has been put into words by `connect()`.
        if (error instanceof TypeError || error instanceof RangeError) throw error;
        if (first && this.#options.retryInitial !== true) throw error;
        failure = error as Error;
      }
      if (this.#state === "open") await this.#backoff(failure);
    }
  }

  /** Lives with one connection to its end, and resolves to what broke it. */
  async #use(client: Client): Promise<Error | undefined> {
    const { clock } = this.#with;
    const connection = { client, messages: client[Symbol.asyncIterator](), since: clock.now(), until: 0, good: false };
    this.#newest = connection;
    this.#received ??= connection;
    // Told of before it can be sent over: who waits to send comes before whoever sends on receiving of it.
    this.#client = client;
    while (this.#senders.length > 0) this.#senders.next();
    this.#wake();
    const cancel = new AwakeClock(clock).after(this.#attempts.settled, () => this.#isGood(connection));
    await client.closed;
    cancel();
    connection.until = clock.now();
    if (this.#client === client) this.#client = undefined;
    if (this.#state === "closing") this.#cutShort = client.error;
    else if (!this.#cut.signal.aborted) this.#tell({ kind: "lost", error: client.error });
    return client.error;
  }

  /** The waits start anew, once for each connection: what an old one has received says nothing of attempts made since. */
  #isGood(connection: Connection): void {
    if (!connection.good && connection === this.#newest) this.#attempts.count = 0;
    connection.good = true;
  }

  /** Waits before the next attempt. Throws when it was aborted, or when this was the last attempt. */
  async #backoff(error: Error | undefined): Promise<void> {
    const { signal } = this.#cut;
    signal.throwIfAborted();
    const milliseconds = this.#attempts.next();
    if (milliseconds === undefined) {
      const what = `Cannot reconnect to ${this.#with.name} in ${this.#attempts.most} attempts`;
      const gaveUp = describe(what, error ?? "the mob ends each connection at once");
      this.#tell({ kind: "gave-up", error: gaveUp });
      throw gaveUp;
    }
    this.#tell({ kind: "waiting", milliseconds, attempt: this.#attempts.count, error });
    // Closed by who was told.
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
    callHook("Cannot tell the application of its connection: onChange failed", () => this.#options.onChange?.(change));
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
    for (const look of this.#look.splice(0)) look();
  }
}

/** The next message of a connection; `undefined` when it is over, however it ended. */
async function nextOf({ messages }: Connection): Promise<Uint8Array | undefined> {
  try {
    return (await messages.next()).value ?? undefined;
  } catch {
    // What broke it is told by `onChange` and `onGap`.
    return undefined;
  }
}
