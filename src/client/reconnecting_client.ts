/**
 * Reconnecting: a client that outlives its connections.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";
import type { Adapter } from "../contract/adapter.ts";
import { Backoff, BACKOFF_CHECKS } from "./backoff.ts";
import { AwakeClock } from "../reactor/awake_clock.ts";
import { checkOptions, type Checks, isBoolean, isFunction } from "../check.ts";
import { describe } from "../errors.ts";
import { callHook } from "../call_hook.ts";
import { logger } from "../logger.ts";
import type { Payload } from "../framing/payload.ts";
import { BaseClient, type ClientState } from "./client.ts";
import {
  abortError,
  type ClientEnd,
  ClientError,
  type ClientErrorCode,
  closedError,
  endOf,
  unreachableError,
} from "./client_error.ts";
import { type ClientCloseOptions, CLOSE_CHECKS, SEND_CHECKS, type SendOptions } from "./client_options.ts";
import type { ConnectionChange, ReconnectOptions } from "./reconnect_options.ts";
import { type Message, MessageReader } from "./message_reader.ts";
import { SendQueue } from "./send_queue.ts";
import type { SocketClient } from "./socket_client.ts";
import type { StreamOffset } from "../framing/hello.ts";

/** What a {@link ReconnectingClient} is made of. */
export interface ReconnectWith {
  /** Its clock. */
  readonly clock: Pick<Adapter, "after" | "now">;
  /** What errors call the mob. */
  readonly name: string;
  /** Makes a new connection, which goes on at `asked` if its stream is resumed, and ends it when the signal aborts. */
  readonly dial: (signal: AbortSignal, asked: StreamOffset | undefined) => Promise<SocketClient>;
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

/** What comes again with each connection that resumes: a hello that is published, and a frame that is too large. */
const FOR_GOOD: ReadonlySet<ClientErrorCode> = new Set(["NO_RESUME", "FRAME_TOO_LARGE"]);

/** One connection of a reconnecting client. */
interface Session {
  readonly client: SocketClient;
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
 * at, up to 1 MiB and a read each. The messages of connections in between are part of the gap; where streams are resumed they
 * come again.
 */
export class ReconnectingClient extends BaseClient {
  readonly closed: Promise<ClientEnd>;
  protected readonly reader: MessageReader = new MessageReader({
    take: () => this.#take(),
    isOver: () => this.#isOver(),
  });

  readonly #with: ReconnectWith;
  readonly #options: ReconnectOptions;
  readonly #backoff: Backoff;
  /** Aborts what is under way: a wait, an attempt or a connection. */
  readonly #cut: AbortController = new AbortController();
  /** Calls of `send` that wait for a connection. */
  readonly #senders: SendQueue<undefined> = new SendQueue();
  /** The client to send over; `undefined` while there is no connection. */
  #client: SocketClient | undefined;
  /** The newest connection. */
  #newest: Session | undefined;
  /** The connection that iterators are at: the newest or an older one. */
  #current: Session | undefined;
  /** Whether the application is being told of the gap before the connection that iterators are at. */
  #inGap = false;
  /** What `onGap` failed with: the next call of an iterator throws it. */
  #gapFailure: { readonly error: unknown } | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #error: ClientError | undefined;
  /** Why not everything that was sent before `close` has arrived. */
  #cutShort: ClientError | undefined;
  #ignoreSignal: (() => void) | undefined;
  #resolveClosed: (end: ClientEnd) => void = () => {};

  /** Makes a client without a connection: use `connect()`. Throws a `TypeError` or a `RangeError` when an option is wrong. */
  constructor(parts: ReconnectWith, options: ReconnectOptions = {}) {
    super();
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#with = parts;
    this.#options = checkOptions("reconnect", options, RECONNECT_CHECKS, "reconnect.");
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
        reject(error ?? new ClientError("CLOSED", `Cannot connect to ${name}: it was closed meanwhile`));
      };
      this.#live(resolve).then(() => end(), end);
    });
  }

  async send(payload: Payload, options?: SendOptions): Promise<void> {
    const signal = options === undefined ? undefined : checkOptions("send()", options, SEND_CHECKS).signal;
    signal?.throwIfAborted();
    // A copy, since the message may go over a later connection.
    const bytes = this.#with.payloadOf(payload).slice();
    for (;;) {
      signal?.throwIfAborted();
      if (this.#state !== "open") throw closedError(this.#with.name, this.error);
      if (this.#client === undefined) await this.#senders.wait(undefined, signal, bytes.length);
      const client = this.#client;
      if (client === undefined) continue;
      try {
        return await client.send(bytes, signal === undefined ? undefined : { signal });
      } catch (error) {
        // A client that is over has taken none of the message: it can go over the next connection.
        if (client.state !== "closed" || signal?.aborted) throw error;
        if (this.#client === client) this.#client = undefined;
      }
    }
  }

  trySend(payload: Payload): boolean {
    const bytes = this.#with.payloadOf(payload);
    if (this.#state !== "open") throw closedError(this.#with.name, this.error);
    const client = this.#client;
    return client?.state === "open" && client.trySend(bytes);
  }

  async close(given?: ClientCloseOptions): Promise<ClientEnd> {
    const options = checkOptions("close()", given, CLOSE_CHECKS);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#current = this.#newest;
      if (this.#client === undefined) this.#cut.abort();
    }
    void this.#client?.close(options);
    return await this.closed;
  }

  get error(): ClientError | undefined {
    return this.#error ?? this.#cutShort;
  }

  get state(): ClientState {
    return this.#state === "open" && this.#client === undefined ? "connecting" : this.#state;
  }

  get bufferedAmount(): number {
    return this.#senders.bytes + (this.#client?.bufferedAmount ?? 0);
  }

  // --- messages ---

  /** The next message of any connection; `undefined` when there is none now. Tells of the gap between connections. */
  #take(): Message | undefined {
    const failure = this.#gapFailure;
    this.#gapFailure = undefined;
    if (failure !== undefined) throw failure.error;
    for (let session = this.#current; session !== undefined && !this.#inGap; session = this.#current) {
      const message = session.client.take();
      if (message !== undefined) {
        this.#isStable(session);
        return message;
      }
      if (session.client.state !== "closed" || session === this.#newest) return undefined;
      // What was missed is known when the mob has said where the stream goes on.
      if (this.#newest!.client.place?.begun === false) return undefined;
      this.#crossGap(session, this.#newest!);
    }
    return undefined;
  }

  /** Goes on to the newest connection, as soon as `onGap` has seen the time between. */
  #crossGap(from: Session, to: Session): void {
    this.#current = to;
    const { onGap } = this.#options;
    const bytes = to.client.place?.missing;
    if (onGap === undefined || bytes === 0) return;
    this.#inGap = true;
    const told = (failure?: { readonly error: unknown }): void => {
      this.#inGap = false;
      this.#gapFailure = failure;
      this.reader.wake();
    };
    const tell = async (): Promise<unknown> =>
      await onGap({ milliseconds: Math.round(to.since - from.until), bytes, error: from.client.error });
    tell().then(() => told(), (error: unknown) => told({ error }));
  }

  #isOver(): boolean {
    if (this.#state !== "closed" || this.#inGap) return false;
    if (this.#error !== undefined) throw this.#error;
    return true;
  }

  // --- connections ---

  /** Connects, and connects again, until the client is closed. Throws when it is aborted or gives up. */
  async #live(connected: () => void): Promise<void> {
    for (let first = true; this.#state === "open";) {
      let failure: Error | undefined;
      try {
        const client = await this.#with.dial(this.#cut.signal, this.#resumesAt());
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
      if (failure instanceof ClientError && this.#current?.client.place && FOR_GOOD.has(failure.code)) throw failure;
      if (this.#state === "open") await this.#wait(failure);
    }
  }

  /**
   * Where the next connection goes on: behind what iterators have received or can still take. What a later connection has
   * received is given up, since the next one receives it again.
   */
  #resumesAt(): StreamOffset | undefined {
    const place = this.#current?.client.place;
    if (place) this.#newest = this.#current;
    return place?.end;
  }

  /** Uses one connection until it ends, and resolves to the error that ended it. */
  async #use(client: SocketClient): Promise<Error | undefined> {
    const { clock } = this.#with;
    const session = { client, since: clock.now(), until: 0, stable: false };
    client.onProgress = () => this.reader.wake();
    this.#newest = session;
    this.#current ??= session;
    // Messages that waited go out before those that an iterator's consumer sends next.
    this.#client = client;
    while (this.#senders.length > 0) this.#senders.next();
    this.reader.wake();
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
      const gaveUp = new ClientError(
        "GAVE_UP",
        describe(what, error?.cause ?? error?.message ?? "the mob ends each connection at once").message,
        error,
      );
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
      this.#error = this.#cut.signal.aborted
        ? abortError(`Cannot stay connected to ${this.#with.name}`, reason)
        : reason instanceof ClientError
        ? reason
        : unreachableError(this.#with.name, reason);
    }
    this.#state = "closed";
    this.#senders.fail(closedError(this.#with.name, this.error));
    this.reader.wake();
    this.#resolveClosed(endOf(this.error, "closed"));
  }
}
