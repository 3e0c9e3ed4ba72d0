/** Dialects: what is around a payload on the wire, for a mob and for each peer. The load generator knows no more. */

import { Buffer } from "node:buffer";

/** The protocol of a server. It is given as bytes: the load generator searches for them and understands nothing. */
export interface Dialect {
  readonly name: string;
  /** Around the payload of a frame that is sent. */
  sent(size: number): readonly [prefix: string, suffix: string];
  /** Around the payload of a frame that is received. */
  received(size: number): readonly [prefix: string, suffix: string];
  /** What a receiver sends first, and how the answer ends. */
  readonly receiver?: readonly [hello: string, welcome: string];
  /** The same for a connection that only publishes, where receivers cannot publish. */
  readonly publisher?: readonly [hello: string, welcome: string];
  /** What may come between frames, and what is answered. */
  readonly aside?: readonly [bytes: string, answer: string];
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
    publisherHello: dialect.publisher?.[0] ?? "",
    publisherWelcome: dialect.publisher?.[1] ?? "",
    aside: dialect.aside?.[0] ?? "",
    asideAnswer: dialect.aside?.[1] ?? "",
    // A frame without a payload: every server that knows our wire swallows it.
    ping: length(0),
  };
  const flags = { joint: dialect.joint, echo: dialect.echo, ordered: dialect.ordered };
  return [
    ...Object.entries(pairs).filter(([, text]) => text !== "").map(([name, text]) => `${name}=${hex(text)}`),
    ...Object.entries(flags).map(([name, on]) => `${name}=${on ? 1 : 0}`),
  ];
}
