/**
 * Hooks: functions of the application that a mob calls when a connection comes, sends or leaves.
 *
 * @module
 */

import type { Ask } from "../admission/authorization.ts";
import { callHook } from "../call_hook.ts";
import { type Checks, isFunction } from "../check.ts";
import type { CertificateSubject } from "../contract/tls.ts";
import type { Token } from "../contract/token.ts";
import type { Connection } from "./connection.ts";
import type { CloseReason } from "../status/stats.ts";

/** A connection, as hooks get it. */
export interface ConnectionInfo {
  /** Names the connection for its whole life. */
  readonly token: Token;
  /** The address and port of the client: `127.0.0.1:54321`. */
  readonly remoteAddress: string;
  /** The URL of the listener that accepted it; `undefined` for `mob.join()`. */
  readonly listener: string | undefined;
  /**
   * The subject of the client's certificate, `{ CN: "sensor-7" }`, at a TLS listener with `ca`; `undefined` elsewhere.
   */
  readonly subject: CertificateSubject | undefined;
  /** The origin of the page that connected, `https://app.example`, at a WebSocket listener; `undefined`: it is a program. */
  readonly origin: string | undefined;
}

/** A connection that left. */
export interface LeaveEvent extends ConnectionInfo {
  /** Why the connection ended. */
  readonly reason: CloseReason;
  /**
   * The text that the application gave to `disconnect()`; or, when a client has sent no whole frame, what its bytes look
   * like: `looks like HTTP`.
   */
  readonly detail: string | undefined;
}

/** Frames that a mob has missed for good: nothing of them will be published. */
export interface MobGap {
  /** What happened, for people. */
  readonly why: string;
  /** How many batches of other mobs are missing; `undefined`: that cannot be known. */
  readonly batches: number | undefined;
}

/**
 * Functions of the application that are called when a connection comes, sends or leaves. They may call anything of the
 * mob. What a hook throws or rejects with breaks nothing: it is logged, and counted as `hookFailures`. Where logging is not
 * configured, standard error says it.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({
 *   listen: "tcp://127.0.0.1:0",
 *   authorize: ({ remoteAddress }) => remoteAddress.startsWith("127."),
 *   onJoin: ({ token }) => console.log("joined", token),
 *   onMessage: (message) => message.length < 1000,
 *   onLeave: ({ token, reason }) => console.log("left", token, reason),
 * });
 * ```
 */
export interface MobHooks {
  /**
   * Decides whether a connection may join: after its TLS handshake and its secret, before anything is read from it. Only
   * `true`, or a promise of it, lets it join; otherwise, or when there is no answer within `frameTimeout` of connecting
   * (30 seconds when that is 0), it ends as `unauthorized`. Clients of `mob.join()` are not asked about.
   */
  readonly authorize?: ((info: ConnectionInfo) => boolean | Promise<boolean>) | undefined;
  /** A connection joined. Called at the end of a tick, and not waited for. */
  readonly onJoin?: ((event: ConnectionInfo) => void) | undefined;
  /**
   * A message is about to be published. `false` withholds it: no connection receives it, and it counts as `withheld`; so
   * does a message whose call fails. The bytes are a copy. It is called for each message and not asynchronous: a promise
   * is a failure. What `disconnect()` and `close()` do waits for the end of the tick.
   */
  readonly onMessage?: ((message: Uint8Array<ArrayBuffer>, from: ConnectionInfo) => boolean | void) | undefined;
  /** A connection left. Called at the end of a tick, once for each connection that joined, and not waited for. */
  readonly onLeave?: ((event: LeaveEvent) => void) | undefined;
  /**
   * The mob has missed frames of its bus for good. Its connections are disconnected with the reason `gap`, or go on under
   * `skip`. Called at the end of a tick, and not waited for.
   */
  readonly onGap?: ((gap: MobGap) => void) | undefined;
}

/** What each hook has to be. */
export const HOOK_CHECKS: Checks = {
  authorize: isFunction,
  onJoin: isFunction,
  onMessage: isFunction,
  onLeave: isFunction,
  onGap: isFunction,
};

/** Calls the hooks. Those of events wait for the end of the tick: they run outside the core's loops. */
export class Hooks {
  /** Hooks that threw, rejected, or returned what they may not. */
  failures = 0;
  readonly #hooks: MobHooks;
  readonly #failed: (name: string, error: unknown) => void;
  #pending: (() => void)[] = [];

  /** With no event yet; `failed` is told of each failure. */
  constructor(hooks: MobHooks, failed: (name: string, error: unknown) => void) {
    this.#hooks = hooks;
    this.#failed = failed;
  }

  /** Whether a hook is to be called. */
  get any(): boolean {
    return this.#pending.length > 0;
  }

  /** Whether there is a hook for messages. */
  get readsMessages(): boolean {
    return this.#hooks.onMessage !== undefined;
  }

  /** Whether there is a hook that decides who joins. */
  get authorizes(): boolean {
    return this.#hooks.authorize !== undefined;
  }

  /** Asks the application whether a connection may join; `undefined` without `authorize`. */
  authorization(connection: Connection): Ask | undefined {
    const { authorize } = this.#hooks;
    if (!authorize) return undefined;
    return (decide) => {
      this.#pending.push(() => {
        let answer: unknown = false;
        this.#call("authorize", async () => {
          try {
            answer = await authorize(infoOf(connection));
            if (typeof answer !== "boolean") throw new TypeError(`it returned ${typeof answer}, not true or false`);
          } finally {
            decide(answer === true);
          }
        });
      });
    };
  }

  /** A connection joined. */
  joined(connection: Connection): void {
    this.#report("onJoin", this.#hooks.onJoin, connection);
  }

  /** A connection left. */
  left(connection: Connection, reason: CloseReason, detail: string | undefined): void {
    this.#report("onLeave", this.#hooks.onLeave, connection, { reason, detail });
  }

  /** Frames of the bus were missed. */
  missed(gap: MobGap): void {
    const { onGap } = this.#hooks;
    if (onGap) this.#pending.push(() => this.#call("onGap", () => onGap(gap)));
  }

  /** Calls a hook later, with the connection as it is now. */
  #report<More>(
    name: string,
    hook: ((event: ConnectionInfo & More) => void) | undefined,
    connection: Connection,
    more?: More,
  ): void {
    if (!hook) return;
    const event = { ...infoOf(connection), ...more as More };
    this.#pending.push(() => this.#call(name, () => hook(event)));
  }

  /** Whether a message may be published. */
  allows(message: Uint8Array<ArrayBuffer>, connection: Connection): boolean {
    let answer: unknown = false;
    this.#call("onMessage", () => {
      const returned: unknown = this.#hooks.onMessage!(message, infoOf(connection));
      if (typeof returned === "object" && returned !== null) {
        // Its rejection must not be unhandled.
        void Promise.resolve(returned).catch(() => {});
        throw new TypeError("it returned an object, such as a promise; it returns true or false, at once");
      }
      answer = returned;
      return undefined;
    }, () => answer = false);
    return answer !== false;
  }

  /** Calls the hooks of events, in the order of the events. */
  tell(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const call of pending) call();
  }

  #call(name: string, hook: () => unknown, failed?: () => void): void {
    callHook(hook, (error) => {
      this.failures++;
      this.#failed(name, error);
      failed?.();
    });
  }
}

/** A connection, as hooks get it. */
function infoOf({ token, socket, listener, origin }: Connection): ConnectionInfo {
  return { token, remoteAddress: socket.remoteAddress, listener: listener?.url, subject: socket.subject, origin };
}
