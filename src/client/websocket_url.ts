/**
 * The URLs of mobs behind WebSockets, and the options that do not go with them.
 *
 * @module
 */

import type { ClientOptions } from "./client_options.ts";

/** Where a WebSocket leads. */
export interface WebSocketAddress {
  /** How bytes travel. */
  readonly transport: "websocket";
  /** The URL, as it was given. */
  readonly url: string;
}

/** Whether a URL begins with `ws:` or `wss:`. */
export function isWebSocketUrl(url: string): boolean {
  return /^wss?:/i.test(url);
}

/** The hosts of URLs that do not leave the machine: `URL` writes every address in one way. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The address of a `ws:` or `wss:` URL. Its path and query are kept as they are: a proxy may have an opinion. Throws an error
 * that begins with `Cannot connect to` when the URL is wrong or the options do not go with it.
 */
export function webSocketAddress(
  name: string,
  { framing = "u64", secret, resume }: Pick<ClientOptions, "framing" | "secret" | "resume">,
): WebSocketAddress {
  const cannot = `Cannot connect to ${name}`;
  const wrong = (why: string): never => {
    throw new TypeError(`${cannot}: ${why}`);
  };
  let url: URL;
  try {
    if (!/^wss?:\/\//i.test(name)) throw new TypeError();
    url = new URL(name);
  } catch {
    return wrong("a WebSocket URL looks like ws://127.0.0.1:8080/");
  }
  // Browsers refuse a user, and some of them a fragment.
  if (url.username || url.password || url.hash) wrong("leave out the user and the #fragment");
  if (framing !== "u64" || /[?&]framing=(?!u64(&|$))/.test(url.search)) {
    wrong("over a WebSocket the framing is u64, leave framing out");
  }
  if (resume) wrong("over a WebSocket no stream is resumed, leave resume out");
  if (secret !== undefined && url.protocol === "ws:" && !LOOPBACK.test(url.hostname)) {
    throw new Error(`${cannot}: the secret would cross the network in the clear, use wss:// or connect to loopback`);
  }
  return { transport: "websocket", url: name };
}
