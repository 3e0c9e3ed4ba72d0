/**
 * `connect()`: connects a client to a mob.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import { urlText } from "../contract/address.ts";
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
import { oneFraming, oneResume, parseUrl } from "../framing/url.ts";
import type { Client } from "./client.ts";
import { type ClientOptions, limitsOf, peerChecks } from "./client_options.ts";
import { openAgain, openOnce, type Target } from "./open.ts";
import type { ReconnectOptions } from "./reconnect_options.ts";
import { isWebSocketUrl, webSocketAddress } from "./websocket_url.ts";
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

/** What each option has to be that a client over a WebSocket has, too. */
export function webSocketChecks(): Checks {
  return { ...peerChecks(), connectTimeout: isWhole("ms", 1, LONGEST_TIMER), reconnect: isReconnect };
}

function connectChecks(): Checks {
  return { ...webSocketChecks(), tls: isTls("cert", "key", "ca", "servername"), adapter: isAdapter };
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
  const planned = targetOf(urlText("Cannot connect to", url), others);
  // What is wrong with the options is said before anything is done.
  const { framing } = limitsOf(planned.options);
  const { StreamPlace } = planned.options.resume ? await import("./stream_place.ts") : {};
  const target: Target = { ...planned, resume: StreamPlace && ((asked) => new StreamPlace(framing, asked)) };
  const adapter = given ?? await runtime();
  if (target.address.transport === "websocket" && !adapter.connectWebSocket) {
    throw new TypeError(`Cannot connect to ${target.name}: the ${adapter.name} adapter has no WebSocket, use tcp://`);
  }
  if (reconnect === false) return openOnce(target, adapter, others.signal);
  return openAgain(target, adapter, reconnect === true ? {} : reconnect);
}

/** What a URL and the options say together. Throws when they do not fit. */
function targetOf(name: string, options: Target["options"]): Target {
  if (isWebSocketUrl(name)) {
    if (options.tls === undefined) return { name, address: webSocketAddress(name, options), options };
    const advice = "name the authority to the runtime (NODE_EXTRA_CA_CERTS, DENO_CERT) or use tls://";
    throw new TypeError(`Cannot connect to ${name}: no WebSocket takes tls, ${advice}`);
  }
  const { address, framing: named, resume: says } = parseUrl(name);
  const framing = oneFraming(`Cannot connect to ${name}`, named, options.framing);
  if (options.tls !== undefined && address.transport !== "tls") {
    throw new TypeError(`Cannot connect to ${name} over TLS: its URL does not begin with tls:`);
  }
  checkPlaintext(name, address, options.secret);
  const resume = oneResume(`Cannot connect to ${name}`, says, options.resume);
  return { name, address, options: { ...options, ...(framing !== undefined && { framing }), resume } };
}
