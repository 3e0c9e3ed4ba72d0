/**
 * `connect()`: connects a client to a mob.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import { type Address, urlText } from "../contract/address.ts";
import {
  type Check,
  checkOptions,
  type Checks,
  isAdapter,
  isTls,
  isWhole,
  kindOf,
  LONGEST_TIMER,
  refuse,
} from "../check.ts";
import { checkPlaintext } from "../admission/exposure.ts";
import { payloadOf } from "../framing/payload.ts";
import { oneFraming, parseUrl } from "../framing/url.ts";
import type { Client } from "./client.ts";
import { ClientError, unreachableError } from "./client_error.ts";
import { dialInTime, DialTimeout } from "./dial.ts";
import { type ClientOptions, limitsOf, peerChecks } from "./client_options.ts";
import { SocketClient } from "./socket_client.ts";
import { ReconnectingClient } from "./reconnecting_client.ts";
import type { ReconnectOptions } from "./reconnect_options.ts";
import type { ClientTls } from "../contract/tls.ts";

/** Gets the adapter of the runtime at hand. */
export type Runtime = () => Promise<Adapter>;

/**
 * The options of {@link connect}.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0", secret: "from a file" });
 * await using client = await connect(mob.urls[0]!, {
 *   secret: "from a file",
 *   connectTimeout: 5000,
 *   reconnect: true,
 *   ping: 20_000,
 * });
 * ```
 */
export interface ConnectOptions extends ClientOptions {
  /** The adapter to connect with. Default: that of the runtime. */
  readonly adapter?: Adapter | undefined;
  /** Certificates, for a `tls:` URL. Default: no client certificate, and the authorities that the runtime trusts. */
  readonly tls?: ClientTls | undefined;
  /**
   * How long one connection may take to be made, in milliseconds: 1 to 2 147 483 647, the TLS handshake included. Default
   * 10 000. Each attempt of a reconnecting client has that long.
   */
  readonly connectTimeout?: number | undefined;
  /**
   * Whether the client connects again when its connection is lost, or how: see {@link ReconnectOptions}. Default false.
   *
   * A message is sent over one connection, once. When that connection breaks, messages whose `send` has resolved may have
   * arrived or not, and are not sent again; messages whose `send` still waits go over the next connection. Messages that the
   * application has not taken are kept for two connections: the newest, and the one that iterators are at. `onGap` reports
   * what was missed.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
}

const isReconnect: Check = (name, value) => {
  if (typeof value !== "boolean" && kindOf(value) !== "Object") {
    refuse(name, value, "it is true, false or an object such as { maxDelay: 10_000 }");
  }
};

function connectChecks(): Checks {
  return {
    ...peerChecks(),
    tls: isTls("cert", "key", "ca", "servername"),
    connectTimeout: isWhole("ms", 1, LONGEST_TIMER),
    reconnect: isReconnect,
    adapter: isAdapter,
  };
}

/** Connects with the adapter of the options, or else that of `runtime`: see `connect` in mod.ts. */
export async function connect(
  url: string | URL,
  options: ConnectOptions | undefined,
  runtime: Runtime,
): Promise<Client> {
  const { adapter: given, reconnect = false, ...others } = checkOptions<ConnectOptions>(
    "connect()",
    options,
    connectChecks(),
  );
  const name = urlText("Cannot connect to", url);
  const { address, framing: named } = parseUrl(name);
  const chosen = oneFraming(`Cannot connect to ${name}`, named, others.framing);
  const target: Target = { name, address, options: chosen === undefined ? others : { ...others, framing: chosen } };
  checkTarget(target);
  const { framing, maxFrame } = limitsOf(target.options);
  const adapter = given ?? await runtime();
  if (reconnect === false) return dial(target, adapter, others.signal);
  const client = new ReconnectingClient({
    clock: adapter,
    name,
    dial: (cut) => dial(target, adapter, cut),
    payloadOf: (payload) => payloadOf(`Cannot send to ${name}`, payload, framing, maxFrame),
    random: Math.random,
    signal: others.signal,
  }, reconnect === true ? {} : reconnect);
  await client.open();
  return client;
}

/** What to connect to, and how. */
interface Target {
  /** The URL as it was given. */
  readonly name: string;
  readonly address: Address;
  readonly options: Omit<ConnectOptions, "adapter" | "reconnect">;
}

/** Throws when the options do not fit the URL. */
function checkTarget({ name, address, options }: Target): void {
  if (options.tls !== undefined && address.transport !== "tls") {
    throw new TypeError(`Cannot connect to ${name} over TLS: its URL does not begin with tls:`);
  }
  checkPlaintext(name, address, options.secret);
}

/** Makes one connection. */
async function dial(target: Target, adapter: Adapter, signal: AbortSignal | undefined): Promise<SocketClient> {
  const { name, address, options: { tls, connectTimeout, ...options } } = target;
  signal?.throwIfAborted();
  const client = new SocketClient(adapter, name, { ...options, signal });
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
