/**
 * The client: connects to a mob somewhere else.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { parseAddress } from "./address.ts";
import { describe } from "./errors.ts";
import { checkSecrecy } from "./exposure.ts";
import { Peer, type PeerOptions } from "./peer.ts";
import { ReconnectingPeer } from "./reconnect.ts";
import type { ReconnectOptions } from "./reconnect_options.ts";
import type { ClientTls } from "./tls.ts";
import { runtimeAdapter } from "../adapters/runtime.ts";

/** The options of {@link connect}. */
export interface ConnectOptions extends PeerOptions {
  /** The adapter to connect with. Default: that of the runtime. */
  readonly adapter?: Adapter;
  /** Certificates, for a `tls:` URL. Default: none of its own, and the authorities that the runtime trusts. */
  readonly tls?: ClientTls | undefined;
}

/** The options of {@link connect} for a peer that connects again by itself. */
export interface ReconnectingOptions extends ConnectOptions {
  /** Connects again when the connection is lost: with the defaults, or as told. */
  readonly reconnect: true | ReconnectOptions;
}

/**
 * Connects to a mob. Rejects with a `TypeError` when the URL is none, with an `Error` when the secret would cross the
 * network in the clear, with the system's error, its `code` and the URL in it, when nobody answers, and with the signal's
 * reason when it aborts first.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using peer = await connect(mob.urls[0]!);
 * await peer.send(new TextEncoder().encode("hello"));
 * for await (const message of peer) {
 *   console.log(new TextDecoder().decode(message)); // hello
 *   break;
 * }
 * ```
 */
export function connect(url: string, options?: ConnectOptions): Promise<Peer>;
/** Connects to a mob, and connects again when the connection is lost: see {@link ReconnectingPeer}. */
export function connect(url: string, options: ReconnectingOptions): Promise<ReconnectingPeer>;
export async function connect(
  url: string,
  options: ConnectOptions | ReconnectingOptions = {},
): Promise<Peer | ReconnectingPeer> {
  const { adapter = await runtimeAdapter(), reconnect, ...others } = options as Partial<ReconnectingOptions>;
  if (reconnect === undefined) return dial(url, adapter, others);
  const { signal } = others;
  const peer = new ReconnectingPeer({
    clock: adapter,
    name: url,
    dial: (cut) => dial(url, adapter, { ...others, signal: cut }),
    random: Math.random,
    signal,
  }, reconnect === true ? {} : reconnect);
  await peer.open();
  return peer;
}

/** Makes one connection. */
async function dial(
  url: string,
  adapter: Adapter,
  { tls, ...options }: Omit<ConnectOptions, "adapter">,
): Promise<Peer> {
  const address = parseAddress(url);
  if (tls !== undefined && address.transport !== "tls") {
    throw new TypeError(`Cannot connect to ${url} over TLS: its URL does not begin with tls:`);
  }
  const { signal, secret } = options;
  checkSecrecy(url, address, secret);
  signal?.throwIfAborted();
  const peer = new Peer(adapter, url, options);
  try {
    await adapter.connect(address, peer.registry, { signal, tls });
  } catch (cause) {
    // Else it would listen to the signal for ever.
    void peer.close();
    signal?.throwIfAborted();
    throw describe(`Cannot connect to ${url}`, cause);
  }
  signal?.throwIfAborted();
  return peer;
}
