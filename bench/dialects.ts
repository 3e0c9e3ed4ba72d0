/** Dialects: what is around a payload on the wire, for a mob and for each peer. The load generator knows no more. */

import { Buffer } from "node:buffer";

/** The protocol of a server, given as bytes: the load generator searches for them and understands no more than `packed`. */
export interface Dialect {
  readonly name: string;
  /** Around the payload of a frame that is sent. */
  sent(size: number): readonly [prefix: string, suffix: string];
  /** Around the payload of a frame that is received. */
  received(size: number): readonly [prefix: string, suffix: string];
  /** What a receiver sends first, and how the answer ends. */
  readonly receiver?: readonly [hello: string, welcome: string];
  /** How the answer to a receiver must begin, and what it must contain. */
  readonly checked?: readonly [status: string, proof: string];
  /** The same for a connection that only publishes, where receivers cannot publish. */
  readonly publisher?: readonly [hello: string, welcome: string];
  /** What may come between frames, and what is answered. */
  readonly aside?: readonly [bytes: string, answer: string];
  /** Four bytes that mask what is sent, as WebSocket demands. */
  readonly mask?: string;
  /** Whether frames are in WebSocket messages, any number of them in each. */
  readonly packed?: boolean;
  /** Whether a receiver can publish as well. */
  readonly joint: boolean;
  /** Whether a publisher receives its own frames. */
  readonly echo: boolean;
  /** Whether all receive everything in one order. */
  readonly ordered: boolean;
  /** Whether the server knows where a frame ends. Otherwise it would mix the frames of several publishers. */
  readonly framed: boolean;
}

/** The 8 bytes of length before a payload, each as one character. */
function length(size: number): string {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size, 4);
  return header.toString("latin1");
}

/** Our own. */
export const MOB: Dialect = {
  name: "mob",
  sent: (size) => [length(size), ""],
  received: (size) => [length(size), ""],
  joint: true,
  echo: true,
  ordered: true,
  framed: true,
};

/** Plain bytes, as `ncat --broker` passes them on: the same frames, from one publisher, which does not receive its own. */
export const PLAIN: Dialect = { ...MOB, name: "plain", echo: false, framed: false };

/** RESP, the protocol of Redis: one channel. A subscriber cannot publish on the same connection. */
export const RESP: Dialect = {
  name: "resp",
  sent: (size) => [`*3\r\n$7\r\nPUBLISH\r\n$1\r\nm\r\n$${size}\r\n`, "\r\n"],
  received: (size) => [`*3\r\n$7\r\nmessage\r\n$1\r\nm\r\n$${size}\r\n`, "\r\n"],
  receiver: ["*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nm\r\n", ":1\r\n"],
  joint: false,
  echo: true,
  ordered: true,
  framed: true,
};

const NATS_HELLO = 'CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\n';

/** The NATS protocol: one subject. Each publisher has its order, and no more is promised. */
export const NATS: Dialect = {
  name: "nats",
  sent: (size) => [`PUB m ${size}\r\n`, "\r\n"],
  received: (size) => [`MSG m 1 ${size}\r\n`, "\r\n"],
  receiver: [`${NATS_HELLO}SUB m 1\r\nPING\r\n`, "PONG\r\n"],
  aside: ["PING\r\n", "PONG\r\n"],
  joint: true,
  echo: true,
  ordered: false,
  framed: true,
};

/** A real key: zeros would spare a server the work. */
const MASK = "\x37\xfa\x21\x3d";

/** The header of a binary message without its mask. */
function messageHeader(size: number, masked: 0 | 0x80): string {
  if (size < 126) return Buffer.from([0x82, masked | size]).toString("latin1");
  const header = Buffer.alloc(size < 65536 ? 4 : 10);
  header.writeUInt16BE(0x8200 | masked | (size < 65536 ? 126 : 127));
  if (size < 65536) header.writeUInt16BE(size, 2);
  else header.writeUInt32BE(size, 6);
  return header.toString("latin1");
}

/** The request for an upgrade, with the key and the answer to it of RFC 6455, section 1.3. */
function upgrade(...headers: string[]): Pick<Dialect, "receiver" | "checked"> {
  const lines = [
    ...["GET / HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
    ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", ...headers],
  ];
  return {
    receiver: [`${lines.join("\r\n")}\r\n\r\n`, "\r\n\r\n"],
    checked: ["HTTP/1.1 101 ", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
  };
}

/** WebSocket as a browser speaks it without a subprotocol: one message for each frame. */
export const WEBSOCKET: Dialect = {
  ...MOB,
  ...upgrade(),
  name: "websocket",
  sent: (size) => [messageHeader(size, 0x80) + MASK, ""],
  received: (size) => [messageHeader(size, 0), ""],
  aside: ["\x89\0", `\x8a\x80${MASK}`],
  mask: MASK,
};

/** The subprotocol of mobcast: our own frames, in WebSocket messages that hold any number of them. */
export const PACKED: Dialect = {
  ...MOB,
  ...upgrade("Sec-WebSocket-Protocol: mobcast.u64"),
  name: "mobcast.u64",
  aside: ["\x89\0", `\x8a\x80${MASK}`],
  mask: MASK,
  packed: true,
};

/** The arguments of the load generator for frames of this size. */
export function dialectArguments(dialect: Dialect, size: number): string[] {
  const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");
  const pairs: Record<string, string> = {
    sentPrefix: dialect.sent(size)[0],
    sentSuffix: dialect.sent(size)[1],
    receivedPrefix: dialect.received(size)[0],
    receivedSuffix: dialect.received(size)[1],
    receiverHello: dialect.receiver?.[0] ?? "",
    receiverWelcome: dialect.receiver?.[1] ?? "",
    receiverStatus: dialect.checked?.[0] ?? "",
    receiverProof: dialect.checked?.[1] ?? "",
    publisherHello: dialect.publisher?.[0] ?? "",
    publisherWelcome: dialect.publisher?.[1] ?? "",
    aside: dialect.aside?.[0] ?? "",
    asideAnswer: dialect.aside?.[1] ?? "",
    mask: dialect.mask ?? "",
    // A frame without a payload: every server that knows our wire swallows it.
    ping: length(0),
  };
  const flags = { joint: dialect.joint, echo: dialect.echo, ordered: dialect.ordered, packed: dialect.packed };
  return [
    ...Object.entries(pairs).filter(([, text]) => text !== "").map(([name, text]) => `${name}=${hex(text)}`),
    ...Object.entries(flags).map(([name, on]) => `${name}=${on ? 1 : 0}`),
  ];
}
