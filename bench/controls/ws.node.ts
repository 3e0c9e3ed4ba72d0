/**
 * The loop of the package `ws`'s own manual, on Node: each message is sent to each client when it comes. With `corked` what
 * comes in a tick is sent together, so that a client has one system call for all of it.
 */

import { createRequire } from "node:module";
import process from "node:process";
import { setImmediate } from "node:timers";

/** A connection, with the socket below it. */
interface Client {
  readonly _socket: { cork(): void; uncork(): void };
  readonly readyState: number;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "error", listener: () => void): void;
  send(data: Uint8Array, options: { binary: boolean }): void;
}

/** What accepts connections. */
interface WebSocketServer {
  readonly clients: ReadonlySet<Client>;
  on(event: "connection", listener: (client: Client) => void): void;
  on(event: "listening", listener: () => void): void;
}

/** The part of the package that is used; it comes without types. */
interface Package {
  readonly OPEN: number;
  readonly WebSocketServer: new (options: { host: string; port: number; backlog: number }) => WebSocketServer;
}

const { OPEN, WebSocketServer } = createRequire(import.meta.url)("ws") as Package;
const corked = process.argv[3] === "corked";
let batch: Uint8Array[] = [];

function flush(): void {
  const messages = batch;
  batch = [];
  for (const client of server.clients) {
    if (client.readyState !== OPEN) continue;
    client._socket.cork();
    for (const message of messages) client.send(message, { binary: true });
    client._socket.uncork();
  }
}

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 });
server.on("connection", (sender) => {
  sender.on("error", () => {});
  sender.on("message", (data, binary) => {
    if (corked) {
      if (batch.length === 0) setImmediate(flush);
      batch.push(data);
      return;
    }
    for (const client of server.clients) if (client.readyState === OPEN) client.send(data, { binary });
  });
});
server.on("listening", () => console.log("listening"));
