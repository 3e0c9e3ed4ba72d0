/**
 * mobcast is a multi-echo server and library: whatever frame one client sends over TCP, every connected client receives,
 * in one total order.
 *
 * Run this file to start a server, or import it:
 *
 * ```ts
 * import { connect, serve } from "@mobcast/mobcast";
 *
 * const mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const client = await connect(mob.urls[0]!);
 * await client.send(new TextEncoder().encode("hello, everybody"));
 * for await (const message of client) {
 *   console.log(new TextDecoder().decode(message));
 *   break;
 * }
 * await client.close();
 * await mob.close();
 * ```
 *
 * @module
 */

// --- serve and connect ---
export { serve, type ServeOptions } from "./src/server/serve.ts";
export { connect, type ConnectOptions, type ReconnectingOptions } from "./src/client/connect.ts";
export {
  type CloseOptions,
  type ListenerInfo,
  type ListenerOptions as ListenerOptions,
  Mob,
} from "./src/server/mob.ts";
export type { Payload } from "./src/framing/payload.ts";
export { Client as Peer } from "./src/client/client.ts";
export type {
  ClientCloseOptions as PeerCloseOptions,
  ClientOptions as PeerOptions,
  JoinOptions,
  SendOptions,
} from "./src/client/client_options.ts";
export type { BackoffOptions as AttemptOptions } from "./src/client/backoff.ts";
export { ReconnectingClient as ReconnectingPeer, type ReconnectWith } from "./src/client/reconnecting_client.ts";
export type { ConnectionChange, Gap, ReconnectOptions } from "./src/client/reconnect_options.ts";
export type { JoinEvent as Arrival, LeaveEvent as Departure, MobHooks } from "./src/server/hooks.ts";

// --- options, limits, accounts ---
export type { Echo, SlowConsumer } from "./src/broadcast/options.ts";
export type { Count } from "./src/broadcast/feed.ts";
export {
  CHOICES,
  type Limit,
  LIMITS,
  type Limits,
  type MobOptions,
  type ResolvedOptions,
  type Unit,
} from "./src/server/options.ts";
export {
  CLOSE_REASONS,
  type CloseReason,
  type ConnectionStats,
  type DeliveryCounts,
  type MobStats,
} from "./src/server/stats.ts";

// --- the core, for those who bring their own adapter ---
export {
  type Adapter,
  type DialOptions,
  ERROR,
  HUP,
  type ListeningSocket as Listener,
  type ListenOptions,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "./src/contract/adapter.ts";
export {
  type Address,
  formatAddress,
  type NetworkAddress,
  parseAddress,
  type UnixAddress,
} from "./src/contract/address.ts";
export type { ClientTls, ServerTls, TlsSource } from "./src/contract/tls.ts";
export {
  FrameDecoder,
  type FrameDecoderOptions,
  type FrameSink,
} from "./src/framing/decoder.ts";
export { encodeFrame, type FramingName } from "./src/framing/framing.ts";
export { Log as BroadcastLog, type LogOptions as BroadcastLogOptions } from "./src/broadcast/log.ts";
export { Poll } from "./src/reactor/poll.ts";
export { Slab, type SlabOptions } from "./src/reactor/slab.ts";
export { formatToken, type Token, tokenOf } from "./src/contract/token.ts";
export { VERSION } from "./src/version.ts";
import { programUrl } from "./adapters/process/program.ts";

// No bundler takes the command line into a program of somebody else, since its name is computed; and in the package,
// where `import.meta.main` is defined as false, nothing of this is left.
import.meta.main && new URL("./adapters/process/program.ts", import.meta.url).href === programUrl() &&
  void import(new URL("./adapters/process/bin.ts", import.meta.url).href);
// Never reached: Deno loads without --allow-read only what it finds written out, if only here; bundlers drop it.
// deno-lint-ignore no-constant-condition
if (false) void import("./adapters/process/bin.ts");
