/**
 * The client: connects to a mob somewhere else.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { parseAddress } from "./address.ts";
import { describe } from "./errors.ts";
import { Peer, type PeerOptions } from "./peer.ts";
import type { ClientTls } from "./tls.ts";
import { runtimeAdapter } from "../adapters/runtime.ts";

/** The options of {@link connect}. */
export interface ConnectOptions extends PeerOptions {
  /** Certificates, and who is trusted, over TLS. Default: those that the runtime trusts, and no certificate of our own. */
  readonly tls?: ClientTls | undefined;
  /** The adapter to connect with. Default: that of the runtime. */
  readonly adapter?: Adapter;
}

/**
 * Connects to a mob. Rejects with a `TypeError` when the URL is none, with the system's error, its `code` and the URL
 * in it, when nobody answers, and with the signal's reason when it aborts first.
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
export async function connect(url: string, options: ConnectOptions = {}): Promise<Peer> {
  const address = parseAddress(url);
  const { adapter = await runtimeAdapter(), tls, ...peerOptions } = options;
  const { signal } = peerOptions;
  signal?.throwIfAborted();
  const peer = new Peer(adapter, url, peerOptions);
  try {
    await adapter.connect(address, peer.registry, { signal, tls });
  } catch (cause) {
    signal?.throwIfAborted();
    throw describe(`Cannot connect to ${url}`, cause);
  }
  signal?.throwIfAborted();
  return peer;
}
