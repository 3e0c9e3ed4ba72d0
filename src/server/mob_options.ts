/**
 * The options of a mob's methods, and what each has to be.
 *
 * @module
 */

import { type Check, checkOptions, type Checks, isMode, isNone, isTls, isWhole, refuse } from "../check.ts";
import type { Relay } from "../bus/relay.ts";
import { peerChecks } from "../client/client_options.ts";
import type { Address } from "../contract/address.ts";
import type { TlsSource } from "../contract/tls.ts";
import { oneFraming, oneResume, parseUrl } from "../framing/url.ts";
import { HOOK_CHECKS } from "./hooks.ts";
import type { ListenerRules } from "./listener.ts";
import {
  listenerChecks,
  mobChecks,
  type MobOptions,
  RANGES,
  type ResolvedOptions,
  resolveListener,
} from "./options.ts";

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

/** How a `Mob` shares its frames with others. */
export interface BusOptions {
  /**
   * Joins the mob to others on a bus, all of which publish the same frames in the same order: `await natsRelay(...)` of
   * `mobcast/nats`. Each mob needs a relay of its own. Default: none.
   */
  readonly relay?: Relay | undefined;
}

/** An open listener of a `Mob`. */
export interface ListenerInfo {
  /** Its URL, as in `urls`: clients connect to it. */
  readonly url: string;
  /** The URLs at which it is open: its own, or for a host name one URL for each IP address. */
  readonly addresses: readonly string[];
}

/** The certificates of a listener, given as they are. */
export const isServerTls: Check = /* @__PURE__ */ isTls("cert", "key", "ca");

const isTlsSource: Check = (name, value) => {
  if (typeof value !== "function") isServerTls(name, value);
};

export const isDetail: Check = (name, value) => {
  if (typeof value !== "string") refuse(name, value, "it is text for onLeave and the log");
  if (value.length <= 200) return;
  throw new RangeError(`Cannot use ${name} of ${value.length} characters: 200 are the most, shorten it`);
};

/** What each option of the transport has to be. */
export function transportChecks(): Checks {
  return { tls: isTlsSource, unixMode: isMode };
}

const isRelay: Check = (name, value) => {
  if (typeof (Object(value) as Partial<Relay>).attach === "function") return;
  refuse(name, value, "it is a relay, such as await natsRelay() returns");
};

/** What each option of `new Mob()` has to be. */
export function newMobChecks(): Checks {
  return { ...mobChecks(), ...HOOK_CHECKS, ...transportChecks(), relay: isRelay };
}

/** The options of `Mob.close`. A drain of 0 drops all connections now. */
export const CLOSE_CHECKS: Checks = { drain: /* @__PURE__ */ isWhole("ms", 0, RANGES.drainTimeout.max) };

/** The options of `Mob.join`. A local client needs no secret: its first message is published like any other. */
export function joinChecks(): Checks {
  const none = isNone(
    "a local client has the framing of its mob, and needs no secret, no resume and no ping: leave it out",
  );
  return { ...peerChecks(), framing: none, secret: none, resume: none, ping: none };
}

/**
 * The options of one listener. Each defaults to the mob's own; `framing` may also stand in the URL, as `?framing=line`.
 */
export interface ListenerOptions
  extends TransportOptions, Pick<MobOptions, "framing" | "allow" | "deny" | "origins" | "secret" | "resume"> {}

/**
 * The options of a status listener. Those of the transport default to the mob's own.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * const status = { url: "http://127.0.0.1:0", deny: ["127.0.0.2"], hosts: ["status.example"] };
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0", status });
 * console.log(await (await fetch(`${mob.statusUrl}readyz`)).text()); // ready
 * ```
 */
export interface StatusListenerOptions extends TransportOptions {
  /** Its URL: `http://127.0.0.1:9100`, `https://` with the certificates of `tls`, or `unix:///run/status.sock`. */
  readonly url: string | URL;
  /** The addresses that may connect, as IP addresses and CIDR blocks. Default: all. */
  readonly allow?: readonly string[] | undefined;
  /** The addresses that may not connect, even if `allow` has them. Default: none. */
  readonly deny?: readonly string[] | undefined;
  /**
   * The host names by which browsers may ask for it, besides that of its URL, IP addresses and `localhost`: a name that is
   * not here is refused, since a page on the Internet could lead its own name to this address. Default: none; at a Unix
   * socket, all.
   */
  readonly hosts?: readonly string[] | undefined;
}

/** What a listener is to be: its options, and those of its mob where it has none. */
export interface ListenerPlan extends TransportOptions {
  /** Where it is. */
  readonly address: Address;
  /** Whether it is one for WebSocket. */
  readonly webSocket: boolean;
  /** What it requires of its clients. */
  readonly rules: ListenerRules;
  /** The end of its URL where that names the framing. */
  readonly query: string;
}

/** Checks the URL and the options of a listener. Throws a `TypeError` that names what is wrong, or of no use. */
export function planListener(
  text: string,
  options: ListenerOptions | undefined,
  mob: ResolvedOptions,
  transportOptions: TransportOptions,
): ListenerPlan {
  const { address, framing: named, resume: says, webSocket } = parseUrl(text);
  const given = checkOptions("mob.listen()", options, { ...listenerChecks(), ...transportChecks() });
  if (given.tls && address.transport !== "tls") refuse("tls", given.tls, `${text} is not over TLS`);
  if (given.unixMode !== undefined && address.transport !== "unix") {
    refuse("unixMode", given.unixMode, `${text} is no Unix socket`);
  }
  const { tls = transportOptions.tls, unixMode = transportOptions.unixMode, ...others } = given;
  if (webSocket && given.framing) {
    refuse("framing", given.framing, `${text} has the framing of WebSocket, leave it out`);
  }
  if (!webSocket && given.origins) refuse("origins", given.origins, `${text} is no WebSocket listener`);
  const framing = webSocket ? "u64" : oneFraming(`Cannot listen on ${text}`, named, others.framing);
  const resume = oneResume(`Cannot listen on ${text}`, says, others.resume);
  const rules = resolveListener({ ...others, framing: framing ?? mob.framing, resume }, mob);
  if (webSocket && rules.resume) refuse("resume", true, `${text} is a WebSocket listener, which resumes no stream`);
  // Where streams are resumed the framing is the mob's.
  const query = rules.framing !== mob.framing ? `?framing=${rules.framing}` : rules.resume ? "?resume=true" : "";
  return { address, webSocket, rules, tls, unixMode, query };
}
