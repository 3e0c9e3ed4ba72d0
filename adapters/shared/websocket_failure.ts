/**
 * Why a WebSocket cannot be opened, as far as a runtime tells.
 *
 * @module
 */

import type { SocketErrorEvent } from "../types/websocket.ts";

/** The error of a runtime without the global. */
export function noWebSocket(url: string): TypeError {
  const advice = "use tcp:// or tls://, or Node 22, Bun or Deno";
  return new TypeError(`Cannot connect to ${url}: this runtime has no WebSocket, ${advice}`);
}

/** Why a WebSocket was not opened. */
export function failureOf(event: SocketErrorEvent): Error {
  const error = event.error instanceof Error ? event.error : undefined;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    // The system's code, in which all runtimes agree.
    if (typeof (cause as { code?: unknown }).code === "string") return cause;
  }
  return new Error(event.message || error?.message || "refused or not reachable, the runtime does not say why");
}
