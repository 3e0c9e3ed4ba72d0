/**
 * The options of a reconnecting client, and what it reports to the application. Types only.
 *
 * @module
 */

import type { BackoffOptions } from "./backoff.ts";

/** A time without a connection, as `onGap` gets it. */
export interface Gap {
  /** How long it was, in milliseconds. */
  readonly milliseconds: number;
  /**
   * How many bytes of frames were missed, in the framing of the mob. Never 0: `onGap` is not called when nothing was missed.
   * `undefined`: that is not known, since the client does not resume its stream, or the mob has begun another.
   */
  readonly bytes: number | undefined;
  /** What broke the connection before the gap; `undefined` when the mob ended it in order. */
  readonly error: Error | undefined;
}

/**
 * What has changed. `connected`: the first connection is made. `lost`: the connection has ended, with its error if there
 * is one. `waiting`: the client waits before the next attempt, the `attempt`-th since the last stable connection, because
 * of `error`. `reconnected`: there is a connection again. `gave-up`: the client makes no more attempts.
 */
export type ConnectionChange =
  | { readonly kind: "connected" }
  | { readonly kind: "lost"; readonly error: Error | undefined }
  | {
    readonly kind: "waiting";
    readonly milliseconds: number;
    readonly attempt: number;
    readonly error: Error | undefined;
  }
  | { readonly kind: "reconnected"; readonly attempt: number }
  | { readonly kind: "gave-up"; readonly error: Error };

/**
 * The options of a reconnecting client.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const client = await connect(mob.urls[0]!, {
 *   reconnect: {
 *     maxDelay: 5000,
 *     onChange: ({ kind }) => console.log(kind),
 *     onGap: ({ milliseconds }) => console.log(`missed what came in ${milliseconds} ms`),
 *   },
 * });
 * await client.close();
 * ```
 */
export interface ReconnectOptions extends BackoffOptions {
  /**
   * Whether the first connection is tried again as well. Default false: `connect()` rejects when it fails, so that a wrong
   * URL or a wrong certificate is found at once.
   */
  readonly retryInitial?: boolean | undefined;
  /** Called at each change, at once, and not waited for. What it throws or rejects with is logged. */
  readonly onChange?: ((change: ConnectionChange) => void) | undefined;
  /**
   * Called by the iterator, in order with the messages: after the last message of the old connection and before the first
   * of the new one. The messages in between were missed. A client that resumes its stream, and has missed nothing, is not
   * told of the time between. The iterator waits for the promise that it returns, and throws
   * what it throws.
   */
  readonly onGap?: ((gap: Gap) => void | Promise<void>) | undefined;
}
