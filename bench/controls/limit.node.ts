/** The limit on Node: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";

const sockets: Socket[] = [];
let batch: Buffer[] = [];

/** One write for each connection, with everything that came in this turn. */
function flush(): void {
  const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
  batch = [];
  for (const socket of sockets) socket.write(bytes);
}

/** Where the last whole frame ends. */
function border(bytes: Buffer): number {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  sockets.push(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.splice(sockets.indexOf(socket), 1));
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = border(bytes);
    rest = bytes.subarray(end);
    if (end === 0) return;
    if (batch.length === 0) setImmediate(flush);
    batch.push(bytes.subarray(0, end));
  });
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
