/**
 * The options of a client, and what each of them has to be.
 *
 * @module
 */

import { type Checks, isBoolean, isOneOf, isSignal } from "../check.ts";
import { type Framing, type FramingName, FRAMINGS } from "../framing/framing.ts";
import { CHOICES, isLimit, LIMITS, resolveOptions } from "../server/options.ts";
import { isTimeout } from "./patience.ts";

/** The options of a client. */
export interface ClientOptions {
  /** How frames are delimited; the same as the server's. Default `u64`. */
  readonly framing?: FramingName;
  /** The largest payload to send or receive, in bytes. Default 1 MiB. */
  readonly maxFrame?: number;
  /**
   * Whether what the mob says is kept for the application. Default true. A mob does not read from those who do not
   * read, so a client that only sends says false here, and what it receives is read and forgotten.
   */
  readonly receive?: boolean;
  /** Ends the connection at once when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What the mob wants to receive first, where it has a `secret`: it is sent before anything else. A mob that has none
   * takes it for a message, and everybody receives it.
   */
  readonly secret?: string | undefined;
  /**
   * How long `close` waits while nothing moves, in milliseconds: 0 to 2 147 483 647. Default 60 000, which is
   * longer than a mob that is well goes without reading.
   */
  readonly closeTimeout?: number | undefined;
}

/** How to close. */
export interface ClientCloseOptions {
  /** How long to wait while nothing moves, in milliseconds; with 0 it ends at once. Default: `closeTimeout`. */
  readonly timeout?: number | undefined;
}

/** The options of a member without a socket, which has the framing of its mob and need not say the secret. */
export type JoinOptions = Omit<ClientOptions, "framing" | "secret">;

/** What each option of a client has to be. */
export function peerChecks(): Checks {
  return {
    framing: isOneOf(CHOICES.framing),
    maxFrame: isLimit("maxFrame"),
    receive: isBoolean,
    signal: isSignal,
    // Looked at with the framing, and never shown.
    secret: () => {},
    closeTimeout: isTimeout,
  };
}

/** The framing of a client and its largest payload. Throws when they, or the secret, are wrong. */
export function limitsOf({ framing, maxFrame, secret }: ClientOptions): { framing: Framing; maxFrame: number } {
  const given = { ...(framing !== undefined && { framing }), ...(maxFrame !== undefined && { maxFrame }), secret };
  // A client has no lag to limit, so no frame is too large for it.
  const resolved = resolveOptions({ ...given, maxLag: LIMITS.maxLag.max });
  return { framing: FRAMINGS[resolved.framing], maxFrame: resolved.maxFrame };
}

/** How to send. */
export interface SendOptions {
  /** Gives up waiting for room: the promise rejects with the signal's reason, and nothing was sent. */
  readonly signal?: AbortSignal | undefined;
}

/** What each option of `send` has to be. */
export const SEND_CHECKS: Checks = { signal: isSignal };

/** What each option of `close` has to be. */
export const CLOSE_CHECKS: Checks = { timeout: isTimeout };
