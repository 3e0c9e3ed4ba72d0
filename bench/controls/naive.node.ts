/** The loop that a person would write first, on Node: each frame is written to each connection when it comes. */

import type { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { Cutter, framesOf } from "./frames.ts";

const sockets: Set<Socket> = new Set();

const server = createServer({ noDelay: true }, (socket) => {
  const cutter = new Cutter();
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  socket.on("data", (chunk: Buffer) => {
    const frames = cutter.cut(chunk);
    if (frames === undefined) return;
    for (const frame of framesOf(frames)) {
      for (const other of sockets) other.write(frame);
    }
  });
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
