/**
 * Serve: a mob with its doors open, on the runtime at hand.
 *
 * @module
 */

import { onAbort } from "./abort.ts";
import type { Adapter } from "./adapter.ts";
import { DEFAULT_URL, parseAddress, urlText } from "./address.ts";
import { type Check, checkOptions, type Checks, isAdapter, isSignal } from "./check.ts";
import { type DoorOptions, Mob, newMobChecks } from "./mob.ts";
import type { MobHooks } from "./news.ts";
import type { MobOptions } from "./options.ts";
import { runtimeAdapter } from "../adapters/runtime.ts";

/** The options of {@link serve}. */
export interface ServeOptions extends MobOptions, MobHooks, DoorOptions {
  /** The URL of the door, or of several doors into one mob. Default `tcp://127.0.0.1:8000`. */
  readonly listen?: string | URL | readonly (string | URL)[];
  /** Closes the mob when it aborts, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
  /** The adapter to serve with. Default: that of the runtime. */
  readonly adapter?: Adapter;
}

/** The URLs of the doors, as text. */
function urlsOf(listen: NonNullable<ServeOptions["listen"]>): string[] {
  // Array.from makes holes into entries, which are then refused.
  const list: readonly (string | URL)[] = Array.isArray(listen) ? Array.from(listen) : [listen as string | URL];
  return list.map((url) => urlText("Cannot listen on", url));
}

const isListen: Check = (_name, value) => {
  for (const url of urlsOf(value as string)) parseAddress(url);
};

function serveChecks(): Checks {
  return { listen: isListen, ...newMobChecks(), signal: isSignal, adapter: isAdapter };
}

/** Throws a `TypeError` when there are options for doors of a kind, and none of that kind: they would be ignored. */
function checkUse(urls: readonly string[], options: DoorOptions): void {
  for (const [name, transport] of [["tls", "tls"], ["unixMode", "unix"]] as const) {
    if (options[name] === undefined || urls.some((url) => parseAddress(url).transport === transport)) continue;
    throw new TypeError(`Cannot use ${name}: no URL of listen begins with ${transport}:`);
  }
}

/**
 * Starts a multi-echo server: whatever frame one client sends, every connected client hears.
 *
 * Resolves when every door is open. Rejects with a `TypeError` or a `RangeError` when a URL or an option is wrong, with
 * the system's error, its `code` and the URL in it, when a door cannot be opened (the others are closed again), and
 * with the signal's reason when it has aborted.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({ listen: ["tcp://127.0.0.1:0", "tcp://[::1]:0"], maxFrame: 65536 });
 * console.log(mob.urls);
 * ```
 */
export async function serve(options?: ServeOptions): Promise<Mob> {
  const { listen = DEFAULT_URL, signal, adapter, ...others } = checkOptions("serve()", options, serveChecks());
  const urls = urlsOf(listen);
  checkUse(urls, others);
  signal?.throwIfAborted();
  const mob = new Mob(adapter ?? await runtimeAdapter(), others);
  try {
    for (const url of urls) {
      await mob.listen(url);
      signal?.throwIfAborted();
    }
  } catch (error) {
    await mob.close({ drain: 0 });
    throw error;
  }
  if (signal !== undefined) {
    const ignoreSignal = onAbort(signal, () => void mob.close());
    void mob.closed.then(ignoreSignal);
  }
  return mob;
}
