/**
 * Why a WebSocket of a page cannot be opened: pages are told nothing, lest they explore the network that the browser is in.
 *
 * @module
 */

/** The error of a page that was not connected. */
export function failureOf(): Error {
  return new Error("no answer or a refusal, see the console");
}

/** The error of a page without WebSockets, which no browser has. */
export const noWebSocket: () => Error = failureOf;
