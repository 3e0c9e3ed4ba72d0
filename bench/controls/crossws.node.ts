/** Publish and subscribe of the package `crossws`, on Node. */

import { createServer, type IncomingMessage } from "node:http";
import process from "node:process";
import type { Duplex } from "node:stream";

/** The part of the package that is used. */
interface Adapter {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void>;
  publish(topic: string, data: Uint8Array): void;
}

/** What it calls. */
interface Options {
  readonly idleTimeout: number;
  readonly hooks: {
    open(peer: { subscribe(topic: string): void }): void;
    message(peer: unknown, message: { uint8Array(): Uint8Array }): void;
  };
}

// Types of the package would need those of a browser.
const { default: nodeAdapter } = await import(String("crossws/adapters/node")) as {
  default: (options: Options) => Adapter;
};
const adapter = nodeAdapter({
  idleTimeout: 0,
  hooks: {
    open: (peer) => peer.subscribe("mob"),
    message: (_, message) => adapter.publish("mob", message.uint8Array()),
  },
});
const server = createServer((_, response) => void response.writeHead(426).end());
server.on("upgrade", (request, socket, head) => {
  socket.on("error", () => {});
  void adapter.handleUpgrade(request, socket, head);
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => console.log("listening"));
