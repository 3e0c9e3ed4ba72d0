/**
 * Hooks: calls the application when connections join and leave.
 *
 * @module
 */

import { callHook } from "../call_hook.ts";
import type { CloseReason } from "./stats.ts";
import type { Token } from "../contract/token.ts";

/** A connection that joined. */
export interface JoinEvent {
  /** Names the connection. */
  readonly token: Token;
  /** The address and port of the client: `127.0.0.1:54321`. */
  readonly remoteAddress: string;
}

/** A connection that left. */
export interface LeaveEvent extends JoinEvent {
  /** Why the connection ended. */
  readonly reason: CloseReason;
}

/**
 * Functions of the application that are called when connections join and leave. They run at the end of a tick, so they
 * may call anything of the mob. They may be asynchronous, and are not waited for; what a hook throws or rejects with is
 * logged.
 */
export interface MobHooks {
  /** A connection joined. */
  readonly onJoin?: ((event: JoinEvent) => void) | undefined;
  /** A connection left. Called once for each connection that joined. */
  readonly onLeave?: ((event: LeaveEvent) => void) | undefined;
}

/** Collects events while a tick runs and calls the hooks at its end: the application never runs inside the core's loops. */
export class HookQueue {
  readonly #hooks: MobHooks;
  #pending: (() => unknown)[] = [];

  /** Makes an empty queue for these hooks. */
  constructor(hooks: MobHooks) {
    this.#hooks = hooks;
  }

  /** Whether a hook is to be called. */
  get any(): boolean {
    return this.#pending.length > 0;
  }

  /** A connection joined. */
  joined(event: JoinEvent): void {
    const { onJoin } = this.#hooks;
    if (onJoin !== undefined) this.#pending.push(() => onJoin(event));
  }

  /** A connection left. */
  left(event: LeaveEvent): void {
    const { onLeave } = this.#hooks;
    if (onLeave !== undefined) this.#pending.push(() => onLeave(event));
  }

  /** Calls the hooks, in the order of the events. */
  callAll(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const call of pending) callHook("Cannot report a connection to the application: its hook failed", call);
  }
}
