/**
 * Makes the pictures of docs/operations.md: the page of a mob in which three clients read nothing, in light and in dark. It takes
 * about a minute, so that the charts have something to show. Usage: npm run pictures [FOLDER]
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectNet, type Socket } from "node:net";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { connect, serve } from "../../mod.ts";
import { CHROMIUM, Chromium } from "./chromium.ts";
import { smallPng } from "./small_png.ts";
import { pause } from "./wait.ts";

/** How many clients keep up. */
const CLIENTS = 40;

/** What is seen of the page. */
const [WIDTH, HEIGHT] = [1280, 1094];

/** How often something is published, in milliseconds. */
const PERIOD = 20;

/** How long the page is watched before its picture is made, in milliseconds. */
const WATCHED = 56_000;

const folder = process.argv[2] ?? "docs";

/** A client that reads nothing. */
function stuckClient(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connectNet(Number(port), hostname);
  socket.on("error", () => {});
  socket.pause();
  return socket;
}

if (CHROMIUM === undefined) throw new Error("Cannot make pictures: there is no Chromium, name one in CHROMIUM");
const chromium = await Chromium.start();
const mob = await serve({ listen: ["tcp://127.0.0.1:8080", "ws://127.0.0.1:8081"], status: "http://127.0.0.1:9100" });
const clients = await Promise.all(
  Array.from(
    { length: CLIENTS },
    (_, index) => connect(mob.urls[index % 3 === 0 && "WebSocket" in globalThis ? 1 : 0]!),
  ),
);
for (const client of clients) {
  void (async () => {
    for await (const _ of client);
  })();
}
const pages = await Promise.all(
  [false, true].map((dark) => chromium.open({ url: mob.statusUrl!, width: WIDTH, height: HEIGHT, dark })),
);
const [speaker] = clients;
let ticks = 0;
const talk = setInterval(() => {
  const frames = Math.round(6 + 3 * Math.sin(ticks++ / 150) + 2 * Math.random());
  for (let frame = 0; frame < frames; frame++) void speaker!.send(new Uint8Array(1500));
}, PERIOD);
const stuck: Socket[] = [];
await pause(WATCHED * 0.4);
for (let client = 0; client < 3; client++) {
  stuck.push(stuckClient(mob.urls[0]!));
  await pause(WATCHED * 0.02);
}
await pause(WATCHED * 0.54);
for (const [index, page] of pages.entries()) {
  const path = `${folder}/status-${index === 0 ? "light" : "dark"}.png`;
  await page.screenshot(path);
  writeFileSync(path, smallPng(readFileSync(path)));
}
clearInterval(talk);
for (const socket of stuck) socket.destroy();
await Promise.all(clients.map((client) => client.close()));
await chromium.stop();
await mob.close();
process.exit(0);
