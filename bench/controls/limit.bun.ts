/** The limit on Bun: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { Buffer } from "node:buffer";
import process from "node:process";
import { setImmediate } from "node:timers";
import { bun, type BunSocket } from "./bun.ts";

/** What is known of a connection: the frame that it has sent in part, and what its socket did not take. */
interface Client {
  rest: Buffer;
  owed: Buffer | undefined;
}

const sockets: BunSocket<Client>[] = [];
let batch: Buffer[] = [];

/** One write for each connection, with everything that came in this turn. */
function flush(): void {
  const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
  batch = [];
  for (const socket of sockets) give(socket, bytes);
}

function give(socket: BunSocket<Client>, bytes: Buffer): void {
  const { data } = socket;
  if (data.owed !== undefined) {
    data.owed = Buffer.concat([data.owed, bytes]);
    return;
  }
  const taken = socket.write(bytes);
  if (taken >= 0 && taken < bytes.length) data.owed = bytes.subarray(taken);
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

const listener = bun<Client>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    binaryType: "buffer",
    open(socket) {
      socket.data = { rest: Buffer.alloc(0), owed: undefined };
      sockets.push(socket);
    },
    close: (socket) => void sockets.splice(sockets.indexOf(socket), 1),
    data(socket, chunk) {
      const { data } = socket;
      const bytes = data.rest.length > 0 ? Buffer.concat([data.rest, chunk]) : chunk;
      const end = border(bytes);
      data.rest = bytes.subarray(end);
      if (end === 0) return;
      if (batch.length === 0) setImmediate(flush);
      batch.push(bytes.subarray(0, end));
    },
    drain(socket) {
      const { owed } = socket.data;
      socket.data.owed = undefined;
      if (owed !== undefined) give(socket, owed);
    },
  },
});
console.log(`listening on ${listener.port}`);
