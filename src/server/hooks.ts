/**
 * News: what the application is told of who comes and goes.
 *
 * @module
 */

import { callHook } from "../call_hook.ts";
import type { CloseReason } from "./stats.ts";
import type { Token } from "../contract/token.ts";

/** Who came. */
export interface JoinEvent {
  /** The name of the connection. */
  readonly token: Token;
  /** Who is at the other end: `127.0.0.1:54321`. */
  readonly remoteAddress: string;
}

/** Who went, and why. */
export interface LeaveEvent extends JoinEvent {
  /** Why the connection ended. */
  readonly reason: CloseReason;
}

/**
 * What tells the application who comes and goes. Called at the end of a tick, so they may call anything of the mob. They
 * may be asynchronous, and are not waited for; what one throws or rejects with is logged.
 */
export interface MobHooks {
  /** A connection joined. */
  readonly onJoin?: ((arrival: JoinEvent) => void) | undefined;
  /** A connection left. Called once for each that joined. */
  readonly onLeave?: ((departure: LeaveEvent) => void) | undefined;
}

/** Collects news while a tick runs, and tells them at its end: the application never runs inside the core's loops. */
export class HookQueue {
  readonly #hooks: MobHooks;
  #untold: (() => unknown)[] = [];

  /** News for these hooks. */
  constructor(hooks: MobHooks) {
    this.#hooks = hooks;
  }

  /** Whether there is something to tell. */
  get any(): boolean {
    return this.#untold.length > 0;
  }

  /** Somebody came. */
  joined(arrival: JoinEvent): void {
    const { onJoin } = this.#hooks;
    if (onJoin !== undefined) this.#untold.push(() => onJoin(arrival));
  }

  /** Somebody went. */
  left(departure: LeaveEvent): void {
    const { onLeave } = this.#hooks;
    if (onLeave !== undefined) this.#untold.push(() => onLeave(departure));
  }

  /** Tells everything, in the order in which it happened. */
  tell(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) callHook("Cannot tell the application who came or went: its hook failed", tell);
  }
}
