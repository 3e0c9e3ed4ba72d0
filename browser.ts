/**
 * mobcast in a page: clients of a mob with a `ws:` or `wss:` listener. `connect` and its `Client` are those of `mobcast`.
 * Bundlers for pages find it under the name `mobcast` as well, and a page without a bundler loads dist/browser.js.
 *
 * ```html
 * <script type="module">
 *   import { connect } from "./browser.js";
 *
 *   const client = await connect(`ws://${location.hostname}:8080/`, { reconnect: true });
 *   await client.send("hello, everybody");
 *   for await (const text of client.text()) document.body.append(text);
 * </script>
 * ```
 *
 * @module
 */

import { browserAdapter } from "./adapters/browser.ts";
import { checkOptions, kindOf, shown } from "./src/check.ts";
import type { Adapter } from "./src/contract/adapter.ts";
import type { Client } from "./src/client/client.ts";
import { type ConnectOptions as AllOptions, webSocketChecks } from "./src/client/connect.ts";
import { openAgain, openOnce, type Target } from "./src/client/open.ts";
import { webSocketAddress } from "./src/client/websocket_url.ts";

/** The options of {@link connect}: those of `mobcast` without `adapter`, `framing` and `tls`, which a page has no use for. */
export type ConnectOptions = Omit<AllOptions, "adapter" | "framing" | "tls">;

let adapter: Adapter | undefined;

/** One adapter for all connections of a page. */
function page(): Adapter {
  return adapter ??= browserAdapter();
}

function targetOf(url: string | URL, options: Target["options"]): Target {
  // What is neither text nor a URL becomes a name that is no URL.
  const name = kindOf(url) === "URL" ? String(url) : typeof url === "string" ? url : shown(url);
  return { name, address: webSocketAddress(name, options), options };
}

/**
 * Connects to the `ws:` or `wss:` listener of a mob, as `connect` of `mobcast` does. A page of `https:` can only use `wss:`.
 * The mob lets in pages of its own host name and those in its list of origins.
 *
 * Rejects with a `TypeError` or a `RangeError` when the URL or an option is wrong, with an `Error` when the secret would cross
 * the network in the clear, with the signal's reason when it aborts first, and with a {@link ClientError} when no connection
 * could be made (`UNREACHABLE`: a page is not told why) or not within `connectTimeout` (`TIMED_OUT`).
 *
 * @example
 * ```ts ignore
 * import { connect } from "mobcast/browser";
 *
 * const client = await connect(`ws://${location.hostname}:8080/`, { reconnect: true });
 * await client.send("hello");
 * for await (const text of client.text()) console.log(text);
 * ```
 */
export async function connect(url: string | URL, options?: ConnectOptions): Promise<Client> {
  const { reconnect = false, ...others } = checkOptions<ConnectOptions>("connect()", options, webSocketChecks());
  const target = targetOf(url, others);
  if (reconnect === false) return await openOnce(target, page(), others.signal);
  return await openAgain(target, page(), reconnect === true ? {} : reconnect);
}

/**
 * The same as {@link connect} without the option `reconnect`: a bundle with `connectOnce` alone is a sixth smaller.
 *
 * @example
 * ```ts ignore
 * import { connectOnce } from "mobcast/browser";
 *
 * const client = await connectOnce("wss://example.com/mob", { receive: false });
 * await client.send(JSON.stringify({ clicked: true }));
 * await client.close();
 * ```
 */
export async function connectOnce(url: string | URL, options?: Omit<ConnectOptions, "reconnect">): Promise<Client> {
  const { reconnect: _, ...checks } = webSocketChecks();
  const given = checkOptions("connectOnce()", options, checks);
  return await openOnce(targetOf(url, given), page(), given.signal);
}

export type { Client, ClientState } from "./src/client/client.ts";
export type { ClientCloseOptions, SendOptions } from "./src/client/client_options.ts";
export {
  CLIENT_ERRORS,
  type ClientEnd,
  type ClientEndReason,
  ClientError,
  type ClientErrorCode,
} from "./src/client/client_error.ts";
export type { ConnectionChange, Gap, ReconnectOptions } from "./src/client/reconnect_options.ts";
export type { Payload } from "./src/framing/payload.ts";
export { VERSION } from "./src/version.ts";
