/** The two streams of a WebSocket as bytes, for tests: what a client asks for, and what it receives. */

import { bytesOf, concat, textOf } from "./bytes.ts";

const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10];

/** The headers of a request that is accepted, with the key of RFC 6455, 1.3. */
export const HEADERS: Readonly<Record<string, string>> = {
  "Host": "localhost:8080",
  "Upgrade": "websocket",
  "Connection": "Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

/** The answer to the key of {@link HEADERS}. */
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A request for a WebSocket, with other headers than {@link HEADERS}, or none of a name where the value is empty. */
export function upgradeRequest(headers: Readonly<Record<string, string>> = {}): Uint8Array {
  const lines = Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value !== "");
  return bytesOf(`GET / HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
}

/** A request for the subprotocol `mobcast.u64`. */
export function packedRequest(): Uint8Array {
  return upgradeRequest({ "Sec-WebSocket-Protocol": "mobcast.u64" });
}

/** What a client was sent: an answer to its handshake, then frames. */
export interface Received {
  /** The status of the answer; 0 while it is not whole. */
  readonly status: number;
  /** The answer up to its empty line. */
  readonly head: string;
  /** Messages as texts, and control frames as `ping:`, `pong:` and `close:` with what they hold. */
  readonly frames: string[];
  /** The payloads of the messages. */
  readonly payloads: Uint8Array[];
  /** What is behind the last whole frame, or behind the head of an answer that refuses. */
  readonly rest: Uint8Array;
}

/** Reads what a client was sent, whole. Throws at a frame that a server must not send. */
export function readStream(bytes: Uint8Array): Received {
  const reader = new StreamReader();
  reader.read(bytes);
  return reader;
}

/** Reads what a client is sent, chunk by chunk. */
export class StreamReader implements Received {
  status = 0;
  head = "";
  readonly frames: string[] = [];
  readonly payloads: Uint8Array[] = [];
  rest: Uint8Array = new Uint8Array();

  /** Reads the next chunk. Throws at a frame that a server must not send. */
  read(chunk: Uint8Array): void {
    const bytes = concat(this.rest, chunk);
    let at = 0;
    if (this.status === 0) {
      const text = String.fromCharCode(...bytes.subarray(0, 600));
      at = text.indexOf("\r\n\r\n") + 4;
      if (at < 4) at = 0;
      this.head = text.slice(0, at);
      if (at > 0) this.status = Number(text.split(" ", 2)[1]);
    }
    while (this.status === 101) {
      const next = frameAt(bytes, at);
      if (next === undefined) break;
      at += next.size;
      if (next.opcode === BINARY) this.payloads.push(next.payload);
      this.frames.push(nameOf(next.opcode, next.payload));
    }
    this.rest = bytes.subarray(at);
  }
}

/** The whole frame at a place, if there is one. */
function frameAt(bytes: Uint8Array, at: number) {
  if (bytes.length < at + 2) return undefined;
  const [first, short] = [bytes[at]!, bytes[at + 1]!];
  if ((first & 0xf0) !== 0x80 || short > 127 || (first & 15) === TEXT) {
    throw new Error(`no frame of a server begins with the bytes ${first}, ${short}`);
  }
  const header = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < at + header) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const length = header === 2 ? short : header === 4 ? view.getUint16(2) : view.getUint32(6);
  if (bytes.length < at + header + length) return undefined;
  return { opcode: first & 15, size: header + length, payload: bytes.subarray(at + header, at + header + length) };
}

function nameOf(opcode: number, payload: Uint8Array): string {
  if (opcode !== CLOSE) return (opcode === PING ? "ping:" : opcode === PONG ? "pong:" : "") + textOf(payload);
  return payload.length === 0
    ? "close:none"
    : `close:${payload[0]! * 256 + payload[1]!}:${textOf(payload.subarray(2))}`;
}
