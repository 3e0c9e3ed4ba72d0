/** What the controls of `node:net` and `node:tls` share: a write for each connection with everything that came in a tick. */

import { Buffer } from "node:buffer";
import type { AddressInfo, Server, Socket } from "node:net";
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

/** Takes a connection. */
export function take(socket: Socket): void {
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
}

/** Listens on a port of this machine, and says which. */
export function listen(server: Server, port: string | undefined): void {
  server.listen({ host: "127.0.0.1", port: Number(port ?? 0), backlog: 4096 }, () => {
    console.log(`listening on ${(server.address() as AddressInfo).port}`);
  });
}
