/**
 * The HTTP responses to a request for a WebSocket.
 *
 * @module
 */

import { utf8 } from "../bytes.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Refusal } from "./request.ts";
import { sha1Base64 } from "./sha1.ts";

/** What the key is hashed with (RFC 6455, 1.3). */
const SALT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The status lines, and the headers that belong to a status. */
const STATUS: Readonly<Record<Refusal["status"], string>> = {
  400: "400 Bad Request",
  403: "403 Forbidden",
  405: "405 Method Not Allowed\r\nAllow: GET",
  426: "426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
  431: "431 Request Header Fields Too Large",
  503: "503 Service Unavailable",
};

/** The response that accepts a WebSocket: `101`, with the answer to its key and the subprotocol, if there is one. */
export function acceptance(key: string, protocol: string | undefined): Uint8Array {
  const chosen = protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return utf8(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${sha1Base64(utf8(key + SALT))}\r\n${chosen}\r\n`,
  );
}

/**
 * The response that refuses a connection, also one whose request was not read yet: the reason as text. The connection has to
 * be closed behind it.
 */
export function refusal(status: Refusal["status"], why: string): Uint8Array {
  const body = utf8(`${why}\n`);
  // An upgrade is hop by hop, so `Connection` names it (RFC 9110, 7.8).
  const head = utf8(
    `HTTP/1.1 ${STATUS[status]}\r\nConnection: close${status === 426 ? ", Upgrade" : ""}\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  return concatenate([head, body], head.length + body.length);
}
