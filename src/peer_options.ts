/**
 * The options of a peer, and what each of them has to be.
 *
 * @module
 */

import { type Checks, isBoolean, isOneOf, isSignal } from "./check.ts";
import { type Framing, type FramingName, FRAMINGS } from "./framing.ts";
import { CHOICES, isLimit, LIMITS, resolveOptions } from "./options.ts";
import { isTimeout } from "./patience.ts";

/** The options of a peer. */
export interface PeerOptions {
  /** How frames are delimited; the same as the server's. Default `u64`. */
  readonly framing?: FramingName;
  /** The largest payload to send or hear, in bytes. Default 1 MiB. */
  readonly maxFrame?: number;
  /**
   * Whether what the mob says is kept for the application. Default true. A mob does not read from those who do not
   * read, so a peer that only sends says false here, and what it hears is read and forgotten.
   */
  readonly hear?: boolean;
  /** Ends the connection at once when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What the mob wants to hear first, where it has a `secret`: it is sent before anything else. A mob that has none
   * takes it for a message, and everybody hears it.
   */
  readonly secret?: string | undefined;
  /**
   * How long `close` waits while nothing moves, in milliseconds: 0 to 2 147 483 647. Default 60 000, which is
   * longer than a mob that is well goes without reading.
   */
  readonly closeTimeout?: number | undefined;
}

/** How to close. */
export interface PeerCloseOptions {
  /** How long to wait while nothing moves, in milliseconds; with 0 it ends at once. Default: `closeTimeout`. */
  readonly timeout?: number | undefined;
}

/** The options of a member without a socket, which has the framing of its mob and need not say the secret. */
export type JoinOptions = Omit<PeerOptions, "framing" | "secret">;

/** What each option of a peer has to be. */
export function peerChecks(): Checks {
  return {
    framing: isOneOf(CHOICES.framing),
    maxFrame: isLimit("maxFrame"),
    hear: isBoolean,
    signal: isSignal,
    // Looked at with the framing, and never shown.
    secret: () => {},
    closeTimeout: isTimeout,
  };
}

/** The framing of a peer and its largest payload. Throws when they, or the secret, are wrong. */
export function limitsOf({ framing, maxFrame, secret }: PeerOptions): { framing: Framing; maxFrame: number } {
  const given = { ...(framing !== undefined && { framing }), ...(maxFrame !== undefined && { maxFrame }), secret };
  // A peer has no lag to limit, so no frame is too large for it.
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
