/**
 * The requests with which WebSocket clients begin: right ones, and wrong ones with what the listener has to say to them.
 *
 * @module
 */

import { pick, type Random } from "./settings.ts";

/** What a client sends first. */
export interface WebRequest {
  readonly bytes: Uint8Array;
  /** What it is refused with; `undefined`: it is right. */
  readonly refusal?: WebRefusal;
}

/** What becomes of a wrong request. */
interface WebRefusal {
  readonly status: number;
  readonly reason: "refused" | "handshake-failed";
  /** After so many bytes it must be known. */
  readonly at: number;
}

/** Keys, with the answer to each (RFC 6455, 1.3 and `openssl sha1`). */
const KEYS: readonly (readonly [key: string, answer: string])[] = [
  ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
  ["x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="],
];

const END = "\r\n\r\n";

type Headers = Readonly<Record<string, string>>;

function headOf(headers: Headers, first = "GET / HTTP/1.1"): Uint8Array {
  const all: Headers = {
    Host: "localhost:8080",
    Upgrade: "websocket",
    Connection: "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEYS[0]![0],
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `\r\n${name}: ${value}`).join("");
  return new TextEncoder().encode(first + lines + END);
}

/** The response to a right request, byte by byte. */
export function responseTo(key: number, isPacked: boolean): Uint8Array {
  const chosen = isPacked ? "\r\nSec-WebSocket-Protocol: mobcast.u64" : "";
  return new TextEncoder().encode(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${KEYS[key]![1]}${chosen}${END}`,
  );
}

/** A request that has to be accepted, with the number of its key. */
export function rightRequest(random: Random, isPacked: boolean): { readonly bytes: Uint8Array; readonly key: number } {
  const key = random() < 0.5 ? 0 : 1;
  const offers = random() < 0.5 ? "mobcast.u64" : "chat, mobcast.u64";
  const headers = {
    "Sec-WebSocket-Key": KEYS[key]![0],
    ...(isPacked && { "Sec-WebSocket-Protocol": offers }),
    ...(random() < 0.3 && { Origin: "http://localhost:5173" }),
    ...(random() < 0.2 && { Cookie: "c".repeat(Math.floor(random() * 300)) }),
    ...(random() < 0.3 && { "Sec-WebSocket-Extensions": "permessage-deflate" }),
  };
  return { bytes: headOf(headers), key };
}

/** Wrong requests: what each sends, the status, and after how many bytes it is known when that is not at its end. */
const WRONG: readonly (() => readonly [bytes: Uint8Array, status: number, at?: number])[] = [
  () => [new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: localhost${END}`), 426],
  () => [headOf({ "Sec-WebSocket-Version": "8" }), 426],
  () => [headOf({ "Sec-WebSocket-Protocol": "chat" }), 400],
  () => [headOf({ Origin: "https://evil.example" }), 403],
  () => [headOf({ "Sec-WebSocket-Key": "short" }), 400],
  () => [headOf({ "Content-Length": "5" }), 400],
  () => [headOf({}, "POST / HTTP/1.1"), 405],
  () => [headOf({}, "GET / HTTP/1.0"), 400],
  () => [headOf({ Folded: "one\r\n two" }), 400],
  () => [Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 65), 400, 1],
  () => [new TextEncoder().encode("GET / HTTP/1.1\nHost: localhost\n\n"), 400, 15],
  () => [headOf({ Cookie: "c".repeat(8200) }), 431, 8192],
];

/** A request that has to be refused. */
export function wrongRequest(random: Random): WebRequest {
  const [bytes, status, at = bytes.length] = pick(random, WRONG)();
  return { bytes, refusal: { status, at, reason: status === 403 ? "refused" : "handshake-failed" } };
}
