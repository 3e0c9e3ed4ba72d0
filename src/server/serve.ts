/**
 * `serve()`: makes a mob and opens its listeners.
 *
 * @module
 */

import type { Runtime } from "../client/connect.ts";
import { onAbort } from "../contract/abort.ts";
import type { Adapter } from "../contract/adapter.ts";
import { DEFAULT_URL, urlText } from "../contract/address.ts";
import { cannotUse, type Check, checkOptions, type Checks, isAdapter, isSignal } from "../check.ts";
import { parseUrl } from "../framing/url.ts";
import { Mob } from "./mob.ts";
import { type BusOptions, type ListenerOptions, newMobChecks } from "./mob_options.ts";
import type { MobHooks } from "./hooks.ts";
import type { MobOptions } from "./options.ts";
import type { CheckedStatus, StatusOption } from "./status_options.ts";

/**
 * The options of {@link serve}.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({
 *   listen: ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0?framing=line"],
 *   maxConnectionsPerAddress: 10,
 *   slowConsumer: "skip",
 *   onJoin: ({ remoteAddress }) => console.log(remoteAddress),
 * });
 * ```
 */
export interface ServeOptions extends MobOptions, MobHooks, ListenerOptions, BusOptions {
  /** The URL of the listener, or of several listeners into one mob. Default `tcp://127.0.0.1:8000`. */
  readonly listen?: string | URL | readonly (string | URL)[] | undefined;
  /**
   * The URL of a status listener, or its options: metrics, health, and a page that shows the mob, over HTTP. Default: none.
   */
  readonly status?: StatusOption | undefined;
  /** Closes the mob when it aborts, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
  /** The adapter to serve with. Default: that of the runtime. */
  readonly adapter?: Adapter | undefined;
}

/** The URLs of the listeners, as text. */
function urlsOf(listen: NonNullable<ServeOptions["listen"]>): string[] {
  // Array.from makes holes into entries, which are then refused.
  const list: readonly (string | URL)[] = Array.isArray(listen) ? Array.from(listen) : [listen as string | URL];
  return list.map((url) => urlText("Cannot listen on", url));
}

const isListen: Check = (_name, value) => {
  for (const url of urlsOf(value as string)) parseUrl(url);
};

function serveChecks(): Checks {
  // A status has checks of its own, which are loaded when there is one.
  return { listen: isListen, ...newMobChecks(), signal: isSignal, adapter: isAdapter, status: () => {} };
}

/** Throws a `TypeError` for an option of TLS or Unix listeners when there is no such listener to use it. */
function checkUse(urls: readonly string[], options: ListenerOptions, status: CheckedStatus | undefined): void {
  for (const [name, transport] of [["tls", "tls"], ["unixMode", "unix"]] as const) {
    const isUsed = urls.some((url) => parseUrl(url).address.transport === transport) ||
      (status?.address.transport === transport && status[name] === undefined);
    if (options[name] === undefined || isUsed) continue;
    cannotUse(name, `no URL of listen begins with ${transport}:`);
  }
}

/** Starts a multi-echo server with the adapter of the options, or else that of `runtime`: see `serve` in mod.ts. */
export async function serve(options: ServeOptions | undefined, runtime: Runtime): Promise<Mob> {
  const given = checkOptions("serve()", options, serveChecks());
  const { listen = DEFAULT_URL, signal, adapter, status, ...others } = given;
  const urls = urlsOf(listen);
  checkUse(urls, others, status === undefined ? undefined : (await import("./status_options.ts")).checkStatus(status));
  signal?.throwIfAborted();
  const mob = new Mob(adapter ?? await runtime(), others);
  try {
    for (const url of urls) {
      await mob.listen(url);
      signal?.throwIfAborted();
    }
    if (status !== undefined) await mob.serveStatus(status);
    signal?.throwIfAborted();
  } catch (error) {
    await mob.close({ drain: 0 });
    throw error;
  }
  if (signal) {
    const ignoreSignal = onAbort(signal, () => void mob.close());
    void mob.closed.then(ignoreSignal);
  }
  return mob;
}
