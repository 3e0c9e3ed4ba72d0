/**
 * The options of a client, and what each of them has to be.
 *
 * @module
 */

import { checkSecret } from "../admission/secret_check.ts";
import { type Checks, isBoolean, isLimit, isOneOf, isSignal, isWhole, LONGEST_TIMER } from "../check.ts";
import { type Framing, type FramingName, FRAMINGS } from "../framing/framing.ts";
import { FRAMING_NAMES, MAX_FRAME } from "../framing/options.ts";

import { isTimeout } from "./patience.ts";

/** The options of a client. */
export interface ClientOptions {
  /** How frames are delimited; the same as the listener's. Default: as the URL names it, `?framing=line`, or `u64`. */
  readonly framing?: FramingName | undefined;
  /** The largest payload to send or receive, in bytes. Default 1 MiB. */
  readonly maxFrame?: number | undefined;
  /**
   * Whether messages are kept for the application. Default true. A mob does not read from a client that does not read, so
   * a client that only sends sets this to false: what it receives is read and dropped.
   */
  readonly receive?: boolean | undefined;
  /** Ends the connection at once when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The secret of the mob, sent before anything else. A mob without a secret takes it for a message, which all its clients
   * receive.
   */
  readonly secret?: string | undefined;
  /**
   * Whether its stream is resumed: the listener has to have the same option, as `tcp://127.0.0.1:8000?resume=true` says of
   * both. With `reconnect` the client then misses nothing that the mob's `history` holds, and otherwise `onGap` tells how many
   * bytes. Not over a WebSocket. Default false.
   */
  readonly resume?: boolean | undefined;
  /**
   * Sends a ping, a frame without a payload, whenever nothing was sent for so many milliseconds: 1 to 2 147 483 647. A mob's
   * `idleTimeout`, and middleboxes that forget silent connections, then let a client live that only receives. Default: none.
   */
  readonly ping?: number | undefined;
  /**
   * How long `close` waits without progress, in milliseconds: 0 to 2 147 483 647. Default 60 000, which is longer than a
   * healthy mob goes without reading.
   */
  readonly closeTimeout?: number | undefined;
}

/** The options of `close`. */
export interface ClientCloseOptions {
  /** How long to wait without progress, in milliseconds; with 0 it ends at once. Default: `closeTimeout`. */
  readonly timeout?: number | undefined;
}

/** The options of `mob.join()`. The client has the framing of its mob and needs no secret. */
export type JoinOptions = Omit<ClientOptions, "framing" | "secret" | "resume" | "ping">;

/** What each option of a client has to be. */
export function peerChecks(): Checks {
  return {
    framing: isOneOf(FRAMING_NAMES),
    maxFrame: isLimit(MAX_FRAME),
    receive: isBoolean,
    signal: isSignal,
    // Checked together with the framing, and never shown.
    secret: () => {},
    resume: isBoolean,
    ping: isWhole("ms", 1, LONGEST_TIMER),
    closeTimeout: isTimeout,
  };
}

/** The framing of a client and its largest payload, from options that were checked. Throws when the secret is wrong. */
export function limitsOf(options: ClientOptions): { framing: Framing; maxFrame: number } {
  const { framing = FRAMING_NAMES[0]!, maxFrame = MAX_FRAME.default, secret } = options;
  if (secret !== undefined) checkSecret(secret, framing);
  return { framing: FRAMINGS[framing], maxFrame };
}

/** The options of `send`. */
export interface SendOptions {
  /** Stops waiting for room when it aborts: the promise rejects with the signal's reason, and nothing is sent. */
  readonly signal?: AbortSignal | undefined;
}

/** What each option of `send` has to be. */
export const SEND_CHECKS: Checks = { signal: isSignal };

/** What each option of `close` has to be. */
export const CLOSE_CHECKS: Checks = { timeout: isTimeout };
