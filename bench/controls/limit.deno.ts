/** The limit on Deno: the smallest server that batches as mobcast does. It checks nothing and limits nothing. */

import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { deno, type DenoConnection } from "./deno.ts";
import { Cutter } from "./frames.ts";

/** A connection, and the writes that wait for the one under way: two at a time would interleave. */
interface Client {
  readonly connection: DenoConnection;
  pending: Buffer[];
  writing: boolean;
}

const clients: Client[] = [];
let batch: Buffer[] = [];

/** One write for each connection, with everything that came in this tick. */
function flush(): void {
  const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
  batch = [];
  for (const client of clients) {
    if (client.writing) client.pending.push(bytes);
    else void write(client, bytes);
  }
}

async function write(client: Client, bytes: Buffer): Promise<void> {
  client.writing = true;
  for (let rest = bytes; rest.length > 0;) {
    const taken = await client.connection.write(rest).catch(() => rest.length);
    rest = rest.subarray(taken);
    if (rest.length > 0 || client.pending.length === 0) continue;
    rest = client.pending.length === 1 ? client.pending[0]! : Buffer.concat(client.pending);
    client.pending = [];
  }
  client.writing = false;
}

async function serve(connection: DenoConnection): Promise<void> {
  const client: Client = { connection, pending: [], writing: false };
  const buffer = new Uint8Array(16 * 1024);
  const cutter = new Cutter();
  clients.push(client);
  connection.setNoDelay(true);
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) break;
    const frames = cutter.cut(Buffer.from(buffer.subarray(0, length)));
    if (frames === undefined) continue;
    if (batch.length === 0) setImmediate(flush);
    batch.push(frames);
  }
  clients.splice(clients.indexOf(client), 1);
  connection.close();
}

const listener = deno().listen({ hostname: "127.0.0.1", port: Number(deno().args[0] ?? 0), tcpBacklog: 4096 });
console.log(`listening on ${listener.addr.port}`);
for (;;) void serve(await listener.accept());
