/** The loop that a person would write first, on Bun: each frame is written to each connection when it comes. */

import { Buffer } from "node:buffer";
import process from "node:process";
import { bun, type BunSocket } from "./bun.ts";
import { Cutter, framesOf } from "./frames.ts";

/** What a connection has sent of a frame, and what its socket did not take. */
interface Client {
  readonly cutter: Cutter;
  pending: Buffer[];
}

const sockets: Set<BunSocket<Client>> = new Set();

/** Bun keeps nothing of a short write: a server that ignores that sends torn frames. */
function give(socket: BunSocket<Client>, bytes: Buffer): void {
  const { pending } = socket.data;
  if (pending.length > 0) {
    pending.push(bytes);
    return;
  }
  const taken = socket.write(bytes);
  if (taken >= 0 && taken < bytes.length) pending.push(bytes.subarray(taken));
}

const listener = bun<Client>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    binaryType: "buffer",
    open(socket) {
      socket.data = { cutter: new Cutter(), pending: [] };
      sockets.add(socket);
    },
    close: (socket) => void sockets.delete(socket),
    data(socket, chunk) {
      const frames = socket.data.cutter.cut(chunk);
      if (frames === undefined) return;
      for (const frame of framesOf(frames)) {
        for (const other of sockets) give(other, frame);
      }
    },
    drain(socket) {
      const pending = Buffer.concat(socket.data.pending);
      socket.data.pending = [];
      if (pending.length > 0) give(socket, pending);
    },
  },
});
console.log(`listening on ${listener.port}`);
