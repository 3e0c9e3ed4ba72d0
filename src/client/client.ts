/**
 * The client: the interface that all clients of a mob have in common, and what they have in common behind it.
 *
 * @module
 */

import type { Payload } from "../framing/payload.ts";
import type { ClientEnd, ClientError } from "./client_error.ts";
import type { ClientCloseOptions, SendOptions } from "./client_options.ts";
import type { Message, MessageReader } from "./message_reader.ts";

/**
 * What a client does: `connecting` while it has no connection and is to have one (a reconnecting client), `open`, `closing`
 * while it sends what is left, `closed`.
 */
export type ClientState = "connecting" | "open" | "closing" | "closed";

/**
 * A client of a mob: what `connect()` and `mob.join()` return, with or without `reconnect`. It sends messages, and receives
 * the messages of all clients, its own included.
 *
 * Messages wait for the application, up to 1 MiB with what they cost to keep; then the client stops reading, and the mob
 * sees that it is behind. Everything that gives messages takes them from one queue: each message goes to one iterator or
 * stream. Leaving a `for await` loop does not end the connection; {@link Client.close} does.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using client = await connect(mob.urls[0]!);
 * await client.send("hello");
 * for await (const text of client.text()) {
 *   console.log(text); // hello
 *   break;
 * }
 * ```
 */
export interface Client extends AsyncIterable<Uint8Array<ArrayBuffer>, void, void>, AsyncDisposable {
  /** What the client does now. */
  readonly state: ClientState;
  /**
   * What went wrong: why the connection ended, or why not everything that was sent before {@link Client.close} may have
   * arrived. `undefined` while the connection lasts, and when it ended in order.
   */
  readonly error: ClientError | undefined;
  /** Resolves to why the client ended, when it is over. It never rejects: `send` and iterators do. */
  readonly closed: Promise<ClientEnd>;
  /** Bytes that wait to be sent: of calls of `send` that wait, and of those that have resolved. */
  readonly bufferedAmount: number;

  /**
   * Sends one message: text, which goes as UTF-8, or bytes. Resolves when it is on its way, after waiting for room:
   * awaiting it gives a fast sender back-pressure. The payload is taken as it is when `send` is called, and may change
   * afterwards. An empty message is a ping: the mob drops it. A reconnecting client waits while it has no connection.
   *
   * Rejects with a `RangeError` when the payload is over `maxFrame`, and with a `TypeError` when it is neither text nor
   * bytes or when the framing cannot carry it. When `signal` aborts, it rejects with the reason; when the client is over,
   * with a {@link ClientError} (CLOSED).
   */
  send(payload: Payload, options?: SendOptions): Promise<void>;

  /**
   * Sends one message if it need not wait. Returns whether it did: `false` when 256 KiB wait already, or while a
   * reconnecting client has no connection. Throws what `send` rejects with.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * await using client = mob.join();
   * if (!client.trySend("a position, old in a moment")) console.log("left out", client.bufferedAmount);
   * ```
   */
  trySend(payload: Payload): boolean;

  /**
   * The messages as text. Bytes that are no UTF-8 become U+FFFD. Ends when the mob ends the connection in order, and throws
   * a {@link ClientError} when it ended in any other way. Its `return()` ends a `next()` that waits.
   */
  text(): AsyncGenerator<string, void, void>;

  /**
   * The messages as values: each is parsed as JSON. `next()` rejects with a `SyntaxError` at a message that is none, and may be
   * called again. Else as {@link Client.text}.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * await using client = mob.join();
   * await client.send(JSON.stringify({ celsius: 21.5 }));
   * for await (const { celsius } of client.json<{ celsius: number }>()) {
   *   console.log(celsius); // 21.5
   *   break;
   * }
   * ```
   */
  json<Value = unknown>(): AsyncGenerator<Value, void, void>;

  /** The messages as bytes. Else as {@link Client.text}. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;

  /** The messages as a stream of bytes, one chunk a message, for `pipeTo` and `pipeThrough`. Cancelling it closes nothing. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;

  /**
   * A stream that sends each chunk as a message. Closing it closes the client, and fails when not everything has arrived;
   * aborting it closes the client at once.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * const client = mob.join({ receive: false });
   * await ReadableStream.from(["one", "two"]).pipeTo(client.writable);
   * console.log(client.state); // closed
   * ```
   */
  readonly writable: WritableStream<Payload>;

  /**
   * Sends what waits to be sent, then ends the connection. Resolves when the client is over, to the same as `closed`. When
   * not everything has arrived, because the mob ended the connection first or there was no progress for `timeout`, it does
   * not reject: the reason is `undelivered`, and {@link Client.error} says more. Calling it again with a `timeout` starts
   * the time anew.
   *
   * Rejects with a `TypeError` or a `RangeError` when `timeout` is no number of milliseconds.
   *
   * @example
   * ```ts
   * import { connect, serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * const client = await connect(mob.urls[0]!, { receive: false });
   * await client.send("the last words");
   * const { reason, error } = await client.close({ timeout: 5000 });
   * console.log(reason, error?.message ?? "everything has arrived"); // closed everything has arrived
   * ```
   */
  close(options?: ClientCloseOptions): Promise<ClientEnd>;
}

/** What all clients have: everything that gives messages, on one reader. */
export abstract class BaseClient implements Client {
  abstract readonly state: ClientState;
  abstract readonly error: ClientError | undefined;
  abstract readonly closed: Promise<ClientEnd>;
  abstract readonly bufferedAmount: number;
  /** Gives the messages. */
  protected abstract readonly reader: MessageReader;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<Payload> | undefined;

  abstract send(payload: Payload, options?: SendOptions): Promise<void>;
  abstract trySend(payload: Payload): boolean;
  abstract close(options?: ClientCloseOptions): Promise<ClientEnd>;

  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    return this.reader.iterate((message) => message);
  }

  text(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return this.reader.iterate((message) => decoder.decode(message));
  }

  json<Value = unknown>(): AsyncGenerator<Value, void, void> {
    const decoder = new TextDecoder();
    return this.reader.iterate((message) => JSON.parse(decoder.decode(message)) as Value);
  }

  get readable(): ReadableStream<Message> {
    if (!this.#readable) {
      const messages = this[Symbol.asyncIterator]();
      // A message that waits in the stream could not be taken by an iterator.
      this.#readable = new ReadableStream<Message>({
        async pull(controller) {
          const { done, value } = await messages.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: async () => void await messages.return(),
      }, { highWaterMark: 0 });
    }
    return this.#readable;
  }

  get writable(): WritableStream<Payload> {
    this.#writable ??= new WritableStream<Payload>({
      write: (payload) => this.send(payload),
      close: async () => {
        const { error } = await this.close();
        if (error) throw error;
      },
      abort: async () => void await this.close({ timeout: 0 }),
    });
    return this.#writable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
