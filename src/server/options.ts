/**
 * Options and limits: one table has name, unit, default, range and what happens at the limit.
 *
 * @module
 */

import { readBlock } from "../admission/access_list.ts";
import {
  type Check,
  checkOptions,
  type Checks,
  isBoolean,
  isLimit,
  isOneOf,
  type Limit,
  LONGEST_TIMER,
  outOfRange,
  type Range,
  refuse,
  type Unit,
} from "../check.ts";
import type { FramingName } from "../framing/framing.ts";
import { FRAMING_NAMES, MAX_FRAME } from "../framing/options.ts";
import { checkSecret } from "../admission/secret_check.ts";
import type { Echo, SlowConsumer } from "../broadcast/options.ts";
import { isOrigin } from "../websocket/origin.ts";
import type { ListenerRules } from "./listener.ts";
import { INDEX_LIMIT } from "../contract/token.ts";

/** The limits of a mob, each a number. See {@link LIMITS} for what happens at each. */
export interface Limits {
  /** Connections at a time. Default 1024. */
  readonly maxConnections: number;
  /** Connections at a time from one remote address; 0 is no limit. Default 0. */
  readonly maxConnectionsPerAddress: number;
  /** The largest payload in bytes. Default 1 MiB. */
  readonly maxFrame: number;
  /**
   * What connections may hold in receive buffers, all together, in bytes: of frames that have begun and are not whole, and
   * of what was read and not published. Default 128 MiB, or four of the largest frames when those are more.
   */
  readonly maxReceiveMemory: number;
  /** How far behind the log a connection may be, in bytes. Default 16 MiB. */
  readonly maxLag: number;
  /**
   * How many bytes of what was published before it joined a connection receives first, in whole frames. Each feed keeps as
   * much, from when the first listener of its framing opens. At most a quarter of `maxLag`. Default 0.
   */
  readonly history: number;
  /**
   * How long bytes may be pending for a connection that takes none, in milliseconds. Default 30 000. A kernel takes no
   * byte until about a third of its send buffer is free, and the timeout has to be longer than the slowest reader needs
   * for that: with Linux' largest buffer, 4 MiB, a reader of 50 kB/s needs 28 seconds.
   */
  readonly stallTimeout: number;
  /** How long one frame may take from its first byte to its last, in milliseconds; 0 is no limit. Default 30 000. */
  readonly frameTimeout: number;
  /** How long a connection may neither send nor receive anything, in milliseconds; 0 is no limit. Default 0. */
  readonly idleTimeout: number;
  /** How many frames a second are read from one connection; 0 is no limit. Default 0. */
  readonly maxFrameRate: number;
  /** How many bytes a second are read from one connection; 0 is no limit. Default 0. */
  readonly maxByteRate: number;
  /** How long a leaving connection may take to receive what is pending, in milliseconds. Default 5 000. */
  readonly drainTimeout: number;
  /**
   * After how long a WebSocket connection is pinged when nothing was delivered to it, in milliseconds; 0: never. Default
   * 25 000: proxies drop a connection that is silent for a minute (nginx, `proxy_read_timeout`), and browsers do not ping.
   */
  readonly pingInterval: number;
}

/** The {@link Limits} as options: each has its default when it is not given, or `undefined`. */
export type LimitOptions = { readonly [Name in keyof Limits]?: Limits[Name] | undefined };

/**
 * The options of a mob. All are optional, and `undefined` is the default: {@link LIMITS} has the defaults and ranges of
 * those that are numbers.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({
 *   listen: "tcp://127.0.0.1:0",
 *   maxFrame: 64 * 1024, // bytes
 *   maxLag: 4 * 2 ** 20,
 *   idleTimeout: 60_000, // milliseconds
 *   slowConsumer: "skip",
 *   allow: ["127.0.0.1", "10.0.0.0/8"],
 * });
 * ```
 */
export interface MobOptions extends LimitOptions {
  /** How frames are delimited. Default `u64`. */
  readonly framing?: FramingName | undefined;
  /** What happens to a connection whose lag passes `maxLag`. Default `disconnect`. */
  readonly slowConsumer?: SlowConsumer | undefined;
  /** Which connections receive a frame: `all`, its sender too, or `others`. Default `all`. */
  readonly echo?: Echo | undefined;
  /**
   * The addresses that may connect, as IP addresses and CIDR blocks (`10.0.0.0/8`, `::1`) without bits behind the prefix.
   * An IPv4 address over an IPv6 listener counts as IPv4, so `::/0` is all of IPv6 and nothing else. Default: all. Clients
   * on Unix sockets and clients of `mob.join()` have no address and are never refused by it.
   */
  readonly allow?: readonly string[] | undefined;
  /** The addresses that may not connect, even if `allow` has them. Default: none. */
  readonly deny?: readonly string[] | undefined;
  /**
   * The origins of pages that may connect to a WebSocket listener, such as `https://app.example`; `*` is any. A page of the
   * same host name as the listener's always may, and so may programs, which send no origin. At a listener on loopback the
   * host name has to be one of loopback. Default: none.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * What every client has to send in its first frame, as UTF-8 of up to 4096 bytes, within `frameTimeout` of connecting
   * (within 30 seconds when that is 0). Pings before it are swallowed. A client that does not send it never joins, and
   * ends as `unauthorized`. Default: no secret.
   */
  readonly secret?: string | undefined;
  /**
   * Whether clients say first where they resume, as those of `connect(url, { resume: true })` do: after a lost connection a
   * client then misses nothing that the history holds, and is told how many bytes it misses otherwise. It needs `history`,
   * `echo: "all"`, another policy than `skip`, and the framing of the mob. At a listener of TCP, TLS or a Unix socket the URL
   * may say so, too: `tcp://127.0.0.1:8000?resume=true`. Default false.
   */
  readonly resume?: boolean | undefined;
}

/** The options with every default filled in, checked. */
export type ResolvedOptions = {
  readonly [Name in keyof MobOptions]-?: Name extends "secret" ? string | undefined : NonNullable<MobOptions[Name]>;
};

/** The numbers of each limit: all that a server needs. */
export const RANGES: { readonly [Name in keyof Limits]: Range } = {
  maxConnections: range("connections", 1024, 1, INDEX_LIMIT),
  maxConnectionsPerAddress: range("connections", 0, 0, INDEX_LIMIT),
  maxFrame: MAX_FRAME,
  maxReceiveMemory: range("bytes", 128 * 2 ** 20, 1, 2 ** 40),
  maxLag: range("bytes", 16 * 2 ** 20, 1, 2 ** 36),
  history: range("bytes", 0, 0, 2 ** 34),
  stallTimeout: range("ms", 30_000, 1, LONGEST_TIMER),
  frameTimeout: range("ms", 30_000, 0, LONGEST_TIMER),
  idleTimeout: range("ms", 0, 0, LONGEST_TIMER),
  maxFrameRate: range("frames/s", 0, 0, 2 ** 31 - 1),
  maxByteRate: range("bytes/s", 0, 0, 2 ** 40),
  drainTimeout: range("ms", 5_000, 1, LONGEST_TIMER),
  pingInterval: range("ms", 25_000, 0, LONGEST_TIMER),
};

function range(unit: Unit, standard: number, min: number, max: number): Range {
  return { unit, default: standard, min, max };
}

/** What each limit is, and what happens when it is reached. Only people read it, so a bundled server has none of it. */
const TEXTS: { readonly [Name in keyof Limits]: readonly [about: string, effect: string] } = {
  maxConnections: ["connections at a time", "a new connection is closed at once: refused"],
  maxConnectionsPerAddress: [
    "the same from one address (0: no limit)",
    "a new connection is closed at once: refused",
  ],
  maxFrame: ["largest payload", "the sender is removed as soon as a header announces more: frame-too-large"],
  maxReceiveMemory: [
    "receive buffers of all connections together",
    "the connection that holds the most is removed: receive-memory",
  ],
  maxLag: [
    "how far behind a connection may be",
    "the slow-consumer policy; over half of it, the connection is not read from",
  ],
  history: [
    "what a new connection receives of the past",
    "a longer past is not kept; each framing in use keeps as much",
  ],
  stallTimeout: ["how long bytes may be pending and none accepted", "removed: stalled"],
  frameTimeout: ["how long one frame may take (0: no limit)", "removed: frame-timeout"],
  idleTimeout: ["how long a connection may be silent (0: no limit)", "removed: idle"],
  maxFrameRate: ["frames a second from one connection (0: no limit)", "not read from until it is within the rate"],
  maxByteRate: ["bytes a second from one connection (0: no limit)", "not read from until it is within the rate"],
  drainTimeout: ["how long a leaving connection may take", "dropped"],
  pingInterval: ["pause before a WebSocket ping (0: never)", "a ping, if nothing was delivered meanwhile"],
};

/**
 * The limits table: defaults, checks and `--help` are made from it, and the README is checked against it.
 *
 * @example
 * ```ts
 * import { LIMITS } from "mobcast";
 *
 * for (const [name, limit] of Object.entries(LIMITS)) console.log(name, limit.default, limit.unit, limit.effect);
 * ```
 */
export const LIMITS: { readonly [Name in keyof Limits]: Limit } = /* @__PURE__ */ withTexts();

function withTexts(): typeof LIMITS {
  const rows = (Object.keys(RANGES) as (keyof Limits)[]).map((name): [string, Limit] => {
    const [about, effect] = TEXTS[name];
    return [name, { ...RANGES[name], about, effect }];
  });
  return Object.fromEntries(rows) as unknown as typeof LIMITS;
}

/**
 * The options that are one of a few words, with their values; the first value is the default.
 *
 * @example
 * ```ts
 * import { CHOICES } from "mobcast/core";
 *
 * console.log(CHOICES.slowConsumer); // disconnect, skip, block
 * ```
 */
export const CHOICES: {
  readonly framing: readonly FramingName[];
  readonly slowConsumer: readonly SlowConsumer[];
  readonly echo: readonly Echo[];
} = {
  framing: FRAMING_NAMES,
  slowConsumer: ["disconnect", "skip", "block"],
  echo: ["all", "others"],
};

/** A list of addresses and blocks. */
export const isList: Check = (name, value) => {
  if (!Array.isArray(value)) refuse(name, value, "it is a list of addresses and CIDR blocks");
  // Array.from makes holes into entries, which are then refused.
  for (const entry of Array.from(value as readonly unknown[])) {
    if (typeof entry !== "string") refuse(name, entry, "it is not a string");
    readBlock(name, entry);
  }
};

/** What each option of a mob has to be. */
export function mobChecks(): Checks {
  return {
    ...Object.fromEntries(Object.entries(RANGES).map(([name, limit]) => [name, isLimit(limit)])),
    ...Object.fromEntries(Object.entries(CHOICES).map(([name, choices]) => [name, isOneOf(choices)])),
    allow: isList,
    deny: isList,
    origins: isOrigin,
    resume: isBoolean,
    // Checked together with the framing, by checkSecret, whose error does not show it.
    secret: () => {},
  };
}

/**
 * Fills in the defaults and checks every value. Throws a `TypeError` for an option that does not exist or is of the
 * wrong kind, and a `RangeError` for a number out of range; both name the option and the value.
 *
 * @example
 * ```ts
 * import { Mob } from "mobcast";
 * import { memoryAdapter } from "mobcast/memory";
 *
 * new Mob(memoryAdapter(), { maxFrame: 65536 }).options.maxConnections; // 1024
 * ```
 */
export function resolveOptions(options: MobOptions): ResolvedOptions {
  const given = checkOptions("a mob", options, mobChecks());
  const resolved: Record<string, unknown> = {};
  for (const [name, limit] of Object.entries(RANGES)) resolved[name] = limit.default;
  for (const [name, choices] of Object.entries(CHOICES)) resolved[name] = choices[0];
  Object.assign(resolved, { secret: undefined, resume: false }, given);
  for (const list of ["allow", "deny", "origins"] as const) resolved[list] = [...given[list] ?? []];
  const { maxLag, maxFrame, history, secret, framing, resume } = resolved as unknown as ResolvedOptions;
  const { maxReceiveMemory = Math.max(RANGES.maxReceiveMemory.default, 4 * maxFrame) } = given;
  resolved.maxReceiveMemory = maxReceiveMemory;
  if (secret !== undefined) checkSecret(secret, framing);
  if (maxLag < maxFrame) {
    outOfRange("maxLag", maxLag, `it is less than maxFrame ${maxFrame}, one frame would be too much`);
  }
  // With what a tick may publish it is half of maxLag at most: a connection that joins is neither removed nor held for it.
  if (history > maxLag / 4) {
    outOfRange("history", history, `a quarter of maxLag ${maxLag} is the most, or connections join far behind`);
  }
  // A buffer holds up to twice what came of a frame.
  if (maxReceiveMemory < 2 * maxFrame) {
    const why = `it is less than twice maxFrame ${maxFrame}, one frame would be too much`;
    outOfRange("maxReceiveMemory", maxReceiveMemory, why);
  }
  if (resume) checkResume(resolved as unknown as ResolvedOptions);
  return resolved as unknown as ResolvedOptions;
}

/** Streams can be resumed where all connections receive all that is published, and the past is kept. */
export function checkResume({ history, echo, slowConsumer }: ResolvedOptions): void {
  const why = history === 0
    ? "history is 0, and nothing could be resumed: set it to some bytes"
    : echo === "others"
    ? "echo is others, and connections leave out what they have sent: use all"
    : slowConsumer === "skip"
    ? "slowConsumer is skip, and connections may miss frames: use disconnect or block"
    : undefined;
  if (why !== undefined) refuse("resume", true, why);
}

/** The options of a mob that a listener may set for itself. */
const RULES = ["framing", "allow", "deny", "origins", "secret", "resume"] as const;

/** The rules of a listener: its own options, and the mob's where it has none. */
export function resolveListener(
  options: Pick<MobOptions, (typeof RULES)[number]>,
  mob: ResolvedOptions,
): ListenerRules {
  const { framing, allow, deny, origins, secret, maxFrame } = mob;
  const { resume = mob.resume, ...others } = options;
  const rules = resolveOptions({ framing, allow, deny, origins, secret, ...others });
  if (resume) checkResume(mob);
  if (resume && rules.framing !== mob.framing) {
    refuse("resume", resume, `the framing is ${rules.framing}, and offsets count in that of the mob, ${mob.framing}`);
  }
  return { ...rules, resume, maxFrame };
}

/** What each option of a listener has to be, except those of the transport. */
export function listenerChecks(): Checks {
  const checks = mobChecks();
  return Object.fromEntries(RULES.map((name) => [name, checks[name]!]));
}
