/**
 * How to reconnect, and what the application is told of it. Types only.
 *
 * @module
 */

import type { BackoffOptions } from "./backoff.ts";

/** A time without a connection, as the iterator tells of it. */
export interface Gap {
  /** How long it was, in milliseconds. */
  readonly milliseconds: number;
  /** What broke the connection before it; `undefined` when the mob ended it properly. */
  readonly error: Error | undefined;
}

/**
 * What has changed: the first connection is there (`connected`); it is gone (`lost`), with its error where there was
 * one; a while is waited before the next attempt, the `attempt`-th since a connection was good (`waiting`), `error`
 * being why; there is a connection again (`reconnected`); no more will be tried (`gave-up`).
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

/** How to reconnect. */
export interface ReconnectOptions extends BackoffOptions {
  /**
   * Whether the first connection is tried again as well. Default false: `connect()` rejects when nobody answers, so
   * that a wrong URL or a wrong certificate is found at once.
   */
  readonly retryInitial?: boolean;
  /** Called at each change, at once, and not waited for. What it throws or rejects with is logged. */
  readonly onChange?: ((change: ConnectionChange) => void) | undefined;
  /**
   * Called by the iterator, in order with the messages: after the last one of the old connection and before the first
   * one of the new. What was said in between was missed. The iterator goes on when what it returns has resolved, and
   * throws what it throws.
   */
  readonly onGap?: ((gap: Gap) => void | Promise<void>) | undefined;
}
