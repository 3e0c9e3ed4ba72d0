/**
 * Telemetry: one sensor sends readings as JSON, and fifty dashboards receive all of them, in order. The sensor only sends:
 * with `receive: false` it need not read what comes back. A client without the secret does not join.
 *
 * In a clone: `deno run --allow-net examples/telemetry.ts`, `bun examples/telemetry.ts`, or after `npm install`:
 * `node examples/telemetry.ts` (Node 22.18 and later) or `node --import tsx examples/telemetry.ts`.
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Client, connect, serve } from "mobcast";

interface Reading {
  readonly number: number;
  readonly celsius: number;
  readonly sent: number;
}

const READINGS = 200;
const DASHBOARDS = 50;
const secret = "only for this example";

const mob = await serve({ listen: "tcp://127.0.0.1:0", secret, idleTimeout: 60_000 });
const url = mob.urls[0]!;

/** Receives all readings. Returns how late each was, in milliseconds. */
async function dashboard(client: Client): Promise<number[]> {
  const delays: number[] = [];
  for await (const { number, sent } of client.json<Reading>()) {
    if (number !== delays.length) throw new Error(`Cannot show reading ${number}: ${delays.length} should be next`);
    delays.push(performance.now() - sent);
    if (delays.length === READINGS) break;
  }
  await client.close();
  return delays;
}

// A ping every 20 s keeps a dashboard that only receives from being idle.
const clients = await Promise.all(Array.from({ length: DASHBOARDS }, () => connect(url, { secret, ping: 20_000 })));
// A client is connected before the mob has read its secret, and receives what is published from then on.
while (mob.stats().connections < DASHBOARDS) await pause(5);

const shown = Promise.all(clients.map(dashboard));
const sensor = await connect(url, { secret, receive: false });
for (let number = 0; number < READINGS; number++) {
  const reading: Reading = { number, celsius: 20 + Math.random(), sent: performance.now() };
  await sensor.send(JSON.stringify(reading));
  if (number % 10 === 9) await pause(10);
}

const delays = (await shown).flat().sort((one, other) => one - other);
const late = delays[Math.floor(delays.length * 0.99)]!;
await sensor.close();
await mob.close();
console.log(`${DASHBOARDS} dashboards received ${READINGS} readings each, 99 % of them within ${late.toFixed(1)} ms`);
