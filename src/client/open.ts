/**
 * Opening a client: one connection, or one after another.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { ClientTls } from "../contract/tls.ts";
import { payloadOf } from "../framing/payload.ts";
import type { Client } from "./client.ts";
import { ClientError, unreachableError } from "./client_error.ts";
import { type ClientOptions, limitsOf } from "./client_options.ts";
import { type Destination, dialInTime, DialTimeout } from "./dial.ts";
import type { ReconnectOptions } from "./reconnect_options.ts";
import { ReconnectingClient } from "./reconnecting_client.ts";
import { SocketClient } from "./socket_client.ts";
import type { StreamOffset } from "../framing/hello.ts";
import type { StreamPlace } from "./stream_place.ts";

/** What to connect to, and how. */
export interface Target {
  /** The URL as it was given. */
  readonly name: string;
  readonly address: Destination;
  /** Where a connection is in the stream, which goes on at `asked`; `undefined`: no stream is resumed. */
  readonly resume?: ((asked?: StreamOffset) => StreamPlace) | undefined;
  /** The options, which were checked. */
  readonly options: ClientOptions & {
    readonly tls?: ClientTls | undefined;
    readonly connectTimeout?: number | undefined;
  };
}

/** Makes one connection, which resumes its stream at `asked` if it does. */
export async function openOnce(
  target: Target,
  adapter: Adapter,
  signal: AbortSignal | undefined,
  asked?: StreamOffset,
): Promise<SocketClient> {
  const { name, address, options: { tls, connectTimeout, ...options } } = target;
  signal?.throwIfAborted();
  const client = new SocketClient(adapter, name, { ...options, signal }, target.resume?.(asked));
  try {
    await dialInTime(adapter, { address, registry: client.registry, tls, connectTimeout }, signal);
  } catch (cause) {
    // Otherwise the client would listen to the signal for ever.
    void client.close();
    signal?.throwIfAborted();
    // A wrong argument, such as a certificate that is none.
    if (cause instanceof TypeError || cause instanceof RangeError) throw cause;
    if (cause instanceof DialTimeout) {
      const advice = `${cause.message}, check the address or raise connectTimeout`;
      throw new ClientError("TIMED_OUT", `Cannot connect to ${name}: ${advice}`, cause);
    }
    throw unreachableError(name, cause);
  }
  signal?.throwIfAborted();
  return client;
}

/** Connects, and connects again when the connection is lost. */
export async function openAgain(target: Target, adapter: Adapter, options: ReconnectOptions): Promise<Client> {
  const { name, options: { signal } } = target;
  const { framing, maxFrame } = limitsOf(target.options);
  const client = new ReconnectingClient({
    clock: adapter,
    name,
    dial: (cut, asked) => openOnce(target, adapter, cut, asked),
    payloadOf: (payload) => payloadOf(`Cannot send to ${name}`, payload, framing, maxFrame),
    random: Math.random,
    signal,
  }, options);
  await client.open();
  return client;
}
