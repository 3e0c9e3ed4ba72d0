/**
 * An SSE bridge: a client of a running server hands every message on to browsers, `curl -N` or anything else that reads
 * server-sent events, and publishes what is posted. The bridge is one connection to the server, however many read it.
 *
 * In a clone: `deno run --allow-net examples/sse_bridge.ts`, `bun examples/sse_bridge.ts`, or after `npm install`:
 * `node examples/sse_bridge.ts` (Node 22.18 and later) or `node --import tsx examples/sse_bridge.ts`.
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 * Its arguments are the server, by default tcp://127.0.0.1:8000, and a port for HTTP. `curl -N http://127.0.0.1:8080` listens,
 * `curl -d hello http://127.0.0.1:8080` talks. It has no access control.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { connect } from "mobcast";

/** Bytes that may wait for a reader: one that is further behind is cut off, and comes back by itself if it is a browser. */
const BEHIND = 1024 * 1024;

const [url = "tcp://127.0.0.1:8000", port = "8080"] = process.argv.slice(2);
const client = await connect(url, { reconnect: { retryInitial: true } });
const readers = new Set<ServerResponse>();

function send(text: string): void {
  for (const reader of readers) reader.writableLength > BEHIND ? reader.destroy() : reader.write(text);
}

function read(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).flushHeaders();
  readers.add(response);
  response.on("close", () => readers.delete(response));
}

async function publish(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    if ((text += chunk).length > 10_000) return void response.destroy();
  }
  await client.send(text); // waits while there is no connection
  response.writeHead(204).end();
}

const server = createServer((request, response) => {
  if (request.method === "GET") read(response);
  else if (request.method === "POST") publish(request, response).catch(() => response.destroy());
  else response.writeHead(405, { allow: "GET, POST" }).end();
}).listen(Number(port), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port} reads ${url}`);

const beat = setInterval(() => send(":\n\n"), 15_000); // a comment: proxies cut what is silent
for await (const text of client.text()) send(`${text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("")}\n`);
clearInterval(beat);
console.log(`the server is gone: ${(await client.closed).reason}`);
server.close();
for (const reader of readers) reader.end();
