/** The limit on Bun: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { Buffer } from "node:buffer";
import process from "node:process";
import { setImmediate } from "node:timers";
import { bun, type BunSocket } from "./bun.ts";
import { Cutter } from "./frames.ts";

/** What is known of a connection: the frame that it has sent in part, and what its socket did not take. */
interface Client {
  readonly cutter: Cutter;
  pending: Buffer | undefined;
}

const sockets: BunSocket<Client>[] = [];
let batch: Buffer[] = [];

/** One write for each connection, with everything that came in this tick. */
function flush(): void {
  const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
  batch = [];
  for (const socket of sockets) give(socket, bytes);
}

function give(socket: BunSocket<Client>, bytes: Buffer): void {
  const { data } = socket;
  if (data.pending !== undefined) {
    data.pending = Buffer.concat([data.pending, bytes]);
    return;
  }
  const taken = socket.write(bytes);
  if (taken >= 0 && taken < bytes.length) data.pending = bytes.subarray(taken);
}

const listener = bun<Client>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    binaryType: "buffer",
    open(socket) {
      socket.data = { cutter: new Cutter(), pending: undefined };
      sockets.push(socket);
    },
    close: (socket) => void sockets.splice(sockets.indexOf(socket), 1),
    data(socket, chunk) {
      const frames = socket.data.cutter.cut(chunk);
      if (frames === undefined) return;
      if (batch.length === 0) setImmediate(flush);
      batch.push(frames);
    },
    drain(socket) {
      const { pending } = socket.data;
      socket.data.pending = undefined;
      if (pending !== undefined) give(socket, pending);
    },
  },
});
console.log(`listening on ${listener.port}`);
