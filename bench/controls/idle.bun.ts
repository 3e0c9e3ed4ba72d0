/**
 * For idle connections, on Bun: a server that reads and sends nothing. With `walk` it looks at every connection after
 * each event, as the ancestor did.
 */

import process from "node:process";
import { setImmediate } from "node:timers";
import { bun, type BunSocket } from "./bun.ts";

/** What the old design kept of a connection. */
interface Client {
  readonly socket: BunSocket<Client>;
  ready: boolean;
  reset: boolean;
}

const clients: Client[] = [];
const walks = process.argv[3] === "walk";
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

const listener = bun<Client>().listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    binaryType: "buffer",
    open: (socket) => void clients.push(socket.data = { socket, ready: false, reset: false }),
    close: (socket) => void (socket.data.reset = true),
    data(socket) {
      events++;
      socket.data.ready = true;
      if (!due) setImmediate(tick);
      due = true;
    },
  },
});
process.on("SIGTERM", () => {
  for (const { socket } of clients) socket.end();
});
console.log(`listening on ${listener.port}`, events);
