/**
 * Graceful shutdown: at SIGTERM or Ctrl-C the server says goodbye, accepts no connection, and delivers what is pending
 * for up to five seconds. A second signal does not wait. Clients see the end of the stream: `closed` says `ended`, and a
 * client with `reconnect` comes back when the next server is there.
 *
 * In a clone: `deno run --allow-net examples/graceful_shutdown.ts`, `bun examples/graceful_shutdown.ts`, or after
 * `npm install`: `node examples/graceful_shutdown.ts` (Node 22.18 and later; before: `node --import tsx ...`).
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 * It listens on port 8000, or on the port that is its argument. Ctrl-C ends it.
 */

import { clearInterval, setInterval } from "node:timers";
import process from "node:process";
import { connect, serve } from "mobcast";

const [port = "8000"] = process.argv.slice(2);
const mob = await serve({ listen: `tcp://127.0.0.1:${port}`, drainTimeout: 5000 });

let number = 0;
const ticker = setInterval(() => mob.publish(`tick ${number++}`), 100);

const client = await connect(mob.urls[0]!, { reconnect: false });
const reading = (async () => {
  let last = "nothing";
  for await (const text of client.text()) last = text;
  console.log(`the client received "${last}" last, and sees: ${(await client.closed).reason}`);
})();

let since: number | undefined;
function shutDown(signal: string): void {
  if (since !== undefined) {
    // What is pending is dropped; but `timeout` and others send one signal twice, at once.
    if (performance.now() - since > 150) void mob.close({ drain: 0 });
    return;
  }
  since = performance.now();
  console.log(`${signal}: closing`);
  clearInterval(ticker); // nothing may be published after the goodbye
  mob.publish("goodbye");
  void mob.close();
}
process.on("SIGTERM", shutDown);
process.on("SIGINT", shutDown);

console.log(`listening on ${mob.urls[0]}`);
await mob.closed; // the last client is gone, and the port is free
await reading;

const { closed, undelivered } = mob.stats();
console.log(`closed: ${closed.shutdown + closed.end} clients in order, ${undelivered.frames} frames undelivered`);
process.exit(undelivered.frames === 0 ? 0 : 1); // signal handlers would keep the process alive
