/**
 * Chat in pages: serves examples/chat.html, whose pages are members of one mob through WebSockets, with people at `mobcast join`.
 *
 * In a clone, after `npm install`: `deno run --allow-net --allow-read examples/chat.ts`, `bun examples/chat.ts`, or
 * `node examples/chat.ts` (Node 22.18 and later) or `node --import tsx examples/chat.ts`.
 * In your own project: copy this file and chat.html, `npm install mobcast`, and name node_modules/mobcast/dist/browser.js below.
 * Open http://127.0.0.1:8080 in two windows (`chat.ts 3000 9000`: other ports). It has no access control.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { serve } from "mobcast";

const [httpPort = "8080", mobPort = "8001"] = process.argv.slice(2);
// A tab that is slow or hidden misses messages, and stays.
const mob = await serve({ listen: `ws://127.0.0.1:${mobPort}/`, maxFrame: 4000, slowConsumer: "skip" });

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "/": ["text/html", read("chat.html").replace("ws://127.0.0.1:8001/", mob.urls[0]!)],
  "/browser.js": ["text/javascript", read("../dist/browser.js")],
};

const server = createServer(({ url = "" }, response) => {
  if (!Object.hasOwn(FILES, url)) return void response.writeHead(404).end();
  const [type, text] = FILES[url]!;
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);
}).listen(Number(httpPort), "127.0.0.1");
await once(server, "listening");
console.log(`chat at http://127.0.0.1:${(server.address() as AddressInfo).port} and ${mob.urls[0]}`);
