/** The loop that a person would write first, on Deno: each frame is written to each connection when it comes. */

import { Buffer } from "node:buffer";
import { deno, type DenoConnection } from "./deno.ts";
import { Cutter, framesOf } from "./frames.ts";

/** A connection, and the end of its last write: a server that does not wait for it sends torn frames. */
interface Client {
  readonly connection: DenoConnection;
  written: Promise<void>;
}

const clients: Set<Client> = new Set();

async function write(client: Client, frame: Buffer): Promise<void> {
  for (let at = 0; at < frame.length;) at += await client.connection.write(frame.subarray(at));
}

async function serve(connection: DenoConnection): Promise<void> {
  const client: Client = { connection, written: Promise.resolve() };
  const buffer = new Uint8Array(16 * 1024);
  const cutter = new Cutter();
  clients.add(client);
  connection.setNoDelay(true);
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) break;
    const frames = cutter.cut(Buffer.from(buffer.subarray(0, length)));
    if (frames === undefined) continue;
    for (const frame of framesOf(frames)) {
      for (const other of clients) {
        other.written = other.written.then(() => write(other, frame)).catch(() => void clients.delete(other));
      }
    }
  }
  clients.delete(client);
  connection.close();
}

const listener = deno().listen({ hostname: "127.0.0.1", port: Number(deno().args[0] ?? 0), tcpBacklog: 4096 });
console.log(`listening on ${listener.addr.port}`);
for (;;) void serve(await listener.accept());
