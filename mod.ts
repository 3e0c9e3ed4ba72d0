/**
 * A multi-echo server and library: every frame that a client sends goes to every connected client, in one order, over TCP, TLS,
 * Unix sockets and WebSocket.
 *
 * Run this file to start a server, or import it:
 *
 * ```ts
 * import { connect, serve } from "@mobcast/mobcast";
 *
 * const mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const client = await connect(mob.urls[0]!);
 * await client.send("hello, everybody");
 * for await (const text of client.text()) {
 *   console.log(text);
 *   break;
 * }
 * await client.close();
 * await mob.close();
 * ```
 *
 * | entry | what it has |
 * | --- | --- |
 * | `.` | {@link serve}, {@link connect} and what they return: {@link Mob}, {@link Client} |
 * | `./browser` | the same `connect` and client for pages |
 * | `./status` | metrics, health and a page, for programs with an HTTP server of their own |
 * | `./nats` | a bus of several mobs on NATS JetStream |
 * | `./memory` | a network in one process, with a clock that tests drive |
 * | `./core` | the parts of the core and the types of all options and stats, without promise |
 * | `./node`, `./bun`, `./deno` | the adapters, where a program chooses |
 *
 * @module
 */

import { programUrl } from "./adapters/process/program.ts";
import { runtimeAdapter } from "./adapters/runtime.ts";
import type { Client } from "./src/client/client.ts";
import { connect as connectOn, type ConnectOptions } from "./src/client/connect.ts";
import type { Mob } from "./src/server/mob.ts";
import { serve as serveOn, type ServeOptions } from "./src/server/serve.ts";

// --- serve and connect, bound to the runtime at hand ---

/**
 * Starts a multi-echo server: every frame that one client sends, every connected client receives.
 *
 * Resolves when every listener is open. Rejects with a `TypeError` or a `RangeError` when a URL or an option is wrong,
 * with the system's error, with its `code` and the URL, when a listener cannot be opened (the others are closed again),
 * and with the signal's reason when it has aborted.
 *
 * @param options Where it listens, limits and hooks; without any, `tcp://127.0.0.1:8000`. Sizes are in bytes, times in milliseconds.
 * @returns The mob, which accepts.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({ listen: ["tcp://127.0.0.1:0", "tcp://[::1]:0"], maxFrame: 65536 });
 * console.log(mob.urls);
 * ```
 */
export function serve(options?: ServeOptions): Promise<Mob> {
  return serveOn(options, runtimeAdapter);
}

/**
 * Connects to the mob at `url`, such as `tcp://127.0.0.1:8000`, `tls://example.com:8443`, `unix:///run/mobcast.sock` or
 * `wss://example.com/mob` (not on Node 20), with `?framing=line` at its end for another framing than `u64`. Resolves when the
 * connection is made. The mob may end it even then, because of a wrong secret perhaps: `closed` says so.
 *
 * Rejects with a `TypeError` or a `RangeError` when the URL or an option is wrong, with an `Error` when the secret would
 * cross the network in the clear, with the signal's reason when it aborts first, and with a {@link ClientError} when no
 * connection could be made (`UNREACHABLE`, with the system's error as its `cause`) or not within `connectTimeout`
 * (`TIMED_OUT`).
 *
 * @param url Where the mob listens.
 * @param options Certificates, the secret, reconnecting, limits; sizes are in bytes, times in milliseconds.
 * @returns The client, which is connected.
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
export function connect(url: string | URL, options?: ConnectOptions): Promise<Client> {
  return connectOn(url, options, runtimeAdapter);
}

// --- the server's side ---
export { Mob } from "./src/server/mob.ts";
export type { ListenerOptions } from "./src/server/mob_options.ts";
export type { ServeOptions } from "./src/server/serve.ts";
export type { ConnectionInfo, LeaveEvent, MobGap, MobHooks } from "./src/server/hooks.ts";
export { LIMITS, type MobOptions } from "./src/server/options.ts";
export type { MobEvent } from "./src/status/events.ts";
export { CLOSE_REASONS, type CloseReason, type ConnectionStats, type MobStats } from "./src/status/stats.ts";

// --- the client's side ---
export type { Client, ClientState } from "./src/client/client.ts";
export {
  CLIENT_ERRORS,
  type ClientEnd,
  type ClientEndReason,
  ClientError,
  type ClientErrorCode,
} from "./src/client/client_error.ts";
export type { ConnectOptions } from "./src/client/connect.ts";
export type { ConnectionChange, Gap, ReconnectOptions } from "./src/client/reconnect_options.ts";

// --- both; the types that these are made of are exported by core.ts ---
export type { ClientTls, ServerTls } from "./src/contract/tls.ts";
export { encodeFrame, type FramingName } from "./src/framing/framing.ts";
export type { Payload } from "./src/framing/payload.ts";
export { formatToken, type Token } from "./src/contract/token.ts";
export type { Adapter } from "./src/contract/adapter.ts";
export { VERSION } from "./src/version.ts";

// The import has a computed name, so no bundler adds the command line to another program. The npm package defines
// `import.meta.main` as false, so there nothing of this is left.
import.meta.main && new URL("./adapters/process/program.ts", import.meta.url).href === programUrl() &&
  void import(new URL("./adapters/process/bin.ts", import.meta.url).href);
// Never runs, and bundlers drop it: without --allow-read Deno loads only modules whose names are written out.
// deno-lint-ignore no-constant-condition
if (false) void import("./adapters/process/bin.ts");
