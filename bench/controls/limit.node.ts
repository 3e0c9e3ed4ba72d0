/** The limit on Node: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";
import { Cutter } from "./frames.ts";

const sockets: Socket[] = [];
let batch: Buffer[] = [];

/** One write for each connection, with everything that came in this tick. */
function flush(): void {
  const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
  batch = [];
  for (const socket of sockets) socket.write(bytes);
}

const server = createServer({ noDelay: true }, (socket) => {
  const cutter = new Cutter();
  sockets.push(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.splice(sockets.indexOf(socket), 1));
  socket.on("data", (chunk: Buffer) => {
    const frames = cutter.cut(chunk);
    if (frames === undefined) return;
    if (batch.length === 0) setImmediate(flush);
    batch.push(frames);
  });
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
