/**
 * mobcast is a multi-echo server and library: whatever frame one client sends over TCP, every connected client hears,
 * in one total order.
 *
 * Run this file to start a server, or import it:
 *
 * ```ts
 * import { connect, serve } from "@mobcast/mobcast";
 *
 * const mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const peer = await connect(mob.urls[0]!);
 * await peer.send(new TextEncoder().encode("hello, everybody"));
 * for await (const message of peer) {
 *   console.log(new TextDecoder().decode(message));
 *   break;
 * }
 * await peer.close();
 * await mob.close();
 * ```
 *
 * @module
 */

// --- serve and connect ---
export { serve, type ServeOptions } from "./src/serve.ts";
export { connect, type ConnectOptions, type ReconnectingOptions } from "./src/client.ts";
export { type CloseOptions, type DoorOptions, type ListenerInfo, Mob } from "./src/mob.ts";
export type { Payload } from "./src/payload.ts";
export { Peer } from "./src/peer.ts";
export type { JoinOptions, PeerCloseOptions, PeerOptions, SendOptions } from "./src/peer_options.ts";
export type { AttemptOptions } from "./src/attempts.ts";
export { ReconnectingPeer, type ReconnectWith } from "./src/reconnect.ts";
export type { ConnectionChange, Gap, ReconnectOptions } from "./src/reconnect_options.ts";
export type { Arrival, Departure, MobHooks } from "./src/news.ts";

// --- options, limits, accounts ---
export {
  CHOICES,
  type Echo,
  type Limit,
  LIMITS,
  type Limits,
  type MobOptions,
  type ResolvedOptions,
  type SlowConsumer,
  type Unit,
} from "./src/options.ts";
export {
  type Accounts,
  CLOSE_REASONS,
  type CloseReason,
  type ConnectionStats,
  type MobStats,
  type Volume,
} from "./src/stats.ts";

// --- the core, for those who bring their own adapter ---
export {
  type Adapter,
  type DialOptions,
  ERROR,
  HUP,
  type Listener,
  type ListenOptions,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "./src/adapter.ts";
export { type Address, formatAddress, type NetworkAddress, parseAddress, type UnixAddress } from "./src/address.ts";
export type { ClientTls, ServerTls, TlsSource } from "./src/tls.ts";
export { FrameDecoder, type FrameDecoderOptions, type FrameVisitor, type PiecesVisitor } from "./src/frame.ts";
export { encodeFrame, type FramingName } from "./src/framing.ts";
export { BroadcastLog, type BroadcastLogOptions } from "./src/log.ts";
export { Poll } from "./src/poll.ts";
export { Slab, type SlabOptions } from "./src/slab.ts";
export { formatToken, type Token, tokenOf } from "./src/token.ts";
export { VERSION } from "./src/version.ts";
import { programUrl } from "./adapters/program.ts";

// No bundler takes the command line into a program of somebody else, since its name is computed; and in the package,
// where `import.meta.main` is defined as false, nothing of this is left.
import.meta.main && new URL("./adapters/program.ts", import.meta.url).href === programUrl() &&
  void import(new URL("./adapters/bin.ts", import.meta.url).href);
// Never reached: Deno loads without --allow-read only what it finds written out, if only here; bundlers drop it.
// deno-lint-ignore no-constant-condition
if (false) void import("./adapters/bin.ts");
