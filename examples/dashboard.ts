/**
 * A dashboard: eight sensors send a reading each, ten times a second, over TCP, and every page at examples/dashboard.html draws
 * all of them. A page that is hidden or slow misses readings and goes on with the newest, and holds nobody back.
 *
 * In a clone, after `npm install`: `deno run --allow-net --allow-read examples/dashboard.ts`, `bun examples/dashboard.ts`, or
 * `node examples/dashboard.ts` (Node 22.18 and later) or `node --import tsx examples/dashboard.ts`.
 * In your own project: copy this file and dashboard.html, `npm install mobcast`, and name node_modules/mobcast/dist/browser.js below.
 * Open http://127.0.0.1:8080 (`dashboard.ts 3000`: another port). It has no access control.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { setInterval } from "node:timers";
import { connect, serve } from "mobcast";

const [httpPort = "8080"] = process.argv.slice(2);
const SENSORS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];

const mob = await serve({
  listen: ["tcp://127.0.0.1:0", "ws://127.0.0.1:0/"],
  history: 16 * 1024, // a page that opens draws the last seconds at once
  maxFrame: 1000,
  slowConsumer: "skip",
});
const [tcp, ws] = mob.urls;

for (const [index, name] of SENSORS.entries()) {
  const sensor = await connect(tcp!, { receive: false, reconnect: true });
  let celsius = 18 + index / 2;
  setInterval(() => {
    celsius += (Math.random() - 0.5) / 2 + (20 - celsius) / 100;
    // What cannot be sent now is out of date when it could be.
    sensor.trySend(JSON.stringify({ name, celsius: Math.round(celsius * 100) / 100, time: Date.now() }));
  }, 100);
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "/": ["text/html", read("dashboard.html").replace("ws://127.0.0.1:8001/", ws!)],
  "/browser.js": ["text/javascript", read("../dist/browser.js")],
};
const server = createServer(({ url = "" }, response) => {
  if (!Object.hasOwn(FILES, url)) return void response.writeHead(404).end();
  const [type, text] = FILES[url]!;
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);
}).listen(Number(httpPort), "127.0.0.1");
await once(server, "listening");
console.log(`dashboard at http://127.0.0.1:${(server.address() as AddressInfo).port}, sensors at ${tcp}`);
