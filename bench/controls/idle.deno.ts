/**
 * For idle connections, on Deno: a server that reads and sends nothing. With `walk` it looks at every connection after
 * each event, as the ancestor did.
 */

import { setImmediate } from "node:timers";
import { deno, type DenoConnection } from "./deno.ts";

/** What the old design kept of a connection. */
interface Client {
  readonly connection: DenoConnection;
  ready: boolean;
  reset: boolean;
}

const clients: Client[] = [];
const walks = deno().args[1] === "walk";
let events = 0;
let due = false;

function tick(): void {
  due = false;
  if (!walks) return;
  for (const client of clients) {
    if (client.reset) clients.splice(clients.indexOf(client), 1);
    else if (client.ready) client.ready = false;
  }
}

async function serve(connection: DenoConnection): Promise<void> {
  const client: Client = { connection, ready: false, reset: false };
  const buffer = new Uint8Array(4 * 1024);
  clients.push(client);
  connection.setNoDelay(true);
  while (await connection.read(buffer).catch(() => null) !== null) {
    events++;
    client.ready = true;
    if (!due) setImmediate(tick);
    due = true;
  }
  client.reset = true;
  connection.close();
}

const listener = deno().listen({ hostname: "127.0.0.1", port: Number(deno().args[0] ?? 0), tcpBacklog: 4096 });
deno().addSignalListener("SIGTERM", () => {
  for (const { connection } of clients) connection.close();
});
console.log(`listening on ${listener.addr.port}`, events);
for (;;) void serve(await listener.accept());
