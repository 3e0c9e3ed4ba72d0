/**
 * The options of a mob's methods, and what each has to be.
 *
 * @module
 */

import { type Check, type Checks, isMode, isNone, isTls, isWhole, refuse } from "../check.ts";
import { peerChecks } from "../client/client_options.ts";
import type { ServerTls, TlsSource } from "../contract/tls.ts";
import { HOOK_CHECKS } from "./hooks.ts";
import { listenerChecks, mobChecks, type MobOptions, RANGES } from "./options.ts";

/** How to close a `Mob`. */
export interface CloseOptions {
  /** How long connections may take to receive what is pending, in milliseconds. Default `drainTimeout`; 0: no time. */
  readonly drain?: number | undefined;
}

/** Options of the transport, for every listener of a `Mob`. */
export interface TransportOptions {
  /** The certificates of TLS listeners, or a function that gets them: `reload()` calls it again. */
  readonly tls?: TlsSource | undefined;
  /** The mode bits of a Unix socket's file: which users may connect. Default `0o600`, the owner alone. */
  readonly unixMode?: number | undefined;
}

/** An open listener of a `Mob`. */
export interface ListenerInfo {
  /** Its URL, as in `urls`: clients connect to it. */
  readonly url: string;
  /** The URLs at which it is open: its own, or for a host name one URL for each IP address. */
  readonly addresses: readonly string[];
}

const isServerTls = /* @__PURE__ */ isTls("cert", "key", "ca");

const isTlsSource: Check = (name, value) => {
  if (typeof value !== "function") isServerTls(name, value);
};

export const isDetail: Check = (name, value) => {
  if (typeof value !== "string") refuse(name, value, "it is text for onLeave and the log");
  if (value.length <= 200) return;
  throw new RangeError(`Cannot use ${name} of ${value.length} characters: 200 are the most, shorten it`);
};

/** What each option of `new Mob()` has to be. */
export function newMobChecks(): Checks {
  return { ...mobChecks(), ...HOOK_CHECKS, tls: isTlsSource, unixMode: isMode };
}

/** What each option of `Mob.listen` has to be. */
export function listenChecks(): Checks {
  return { ...listenerChecks(), tls: isTlsSource, unixMode: isMode };
}

/** The options of `Mob.close`. A drain of 0 drops all connections now. */
export const CLOSE_CHECKS: Checks = { drain: /* @__PURE__ */ isWhole("ms", 0, RANGES.drainTimeout.max) };

/** The options of `Mob.join`. A local client needs no secret: its first message is published like any other. */
export function joinChecks(): Checks {
  const none = isNone("a local client has the framing of its mob, and needs no secret and no ping: leave it out");
  return { ...peerChecks(), framing: none, secret: none, ping: none };
}

/**
 * The options of one listener. Each defaults to the mob's own; `framing` may also stand in the URL, as `?framing=line`.
 */
export interface ListenerOptions
  extends TransportOptions, Pick<MobOptions, "framing" | "allow" | "deny" | "origins" | "secret"> {}

/** The certificates that a source gives now. Rejects with a `TypeError` when they are none. */
export async function certificatesOf(tls: TlsSource | undefined): Promise<ServerTls> {
  if (!tls) throw new TypeError("a listener over TLS needs certificates: give tls: { cert, key }");
  if (typeof tls !== "function") return tls;
  const made = await tls();
  isServerTls("tls", made);
  return made;
}
