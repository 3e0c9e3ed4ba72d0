/**
 * For idle connections, on Node: a server that reads and sends nothing. With `walk` it looks at every connection after
 * each event, as the ancestor did.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";

/** What the old design kept of a connection. */
interface Client {
  readonly socket: Socket;
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

const server = createServer({ noDelay: true }, (socket) => {
  const client: Client = { socket, ready: false, reset: false };
  clients.push(client);
  socket.on("error", () => client.reset = true);
  socket.on("close", () => client.reset = true);
  socket.on("data", () => {
    events++;
    client.ready = true;
    if (!due) setImmediate(tick);
    due = true;
  });
});
process.on("SIGTERM", () => {
  for (const { socket } of clients) socket.end();
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`, events);
});
