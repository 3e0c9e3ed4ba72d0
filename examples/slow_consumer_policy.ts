/**
 * A slow-consumer policy of one's own: a client that is far behind is warned about once, and disconnected when it is still
 * behind a second later. The policy is the function `watch`: 20 lines on `connections()` and `disconnect()`.
 *
 * In a clone: `deno run --allow-net examples/slow_consumer_policy.ts`, `bun examples/slow_consumer_policy.ts`, or after
 * `npm install`: `node examples/slow_consumer_policy.ts` (Node 22.18 and later; before: `node --import tsx ...`).
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 */

import { clearInterval, setInterval } from "node:timers";
import { setTimeout as pause } from "node:timers/promises";
import { ClientError, connect, type Mob, serve, type Token } from "mobcast";

/** Looks ten times a second. Returns a function that ends it. */
function watch(mob: Mob, { maxLag, grace }: { maxLag: number; grace: number }): () => void {
  let behind = new Map<Token, number>();
  const timer = setInterval(() => {
    const now = performance.now();
    const still = new Map<Token, number>();
    for (const { token, remoteAddress, lag } of mob.connections()) {
      // The furthest behind come first.
      if (lag.bytes <= maxLag) break;
      const since = behind.get(token) ?? now;
      still.set(token, since);
      if (since === now) console.log("behind:", remoteAddress);
      else if (now - since > grace) mob.disconnect(token, `behind for ${Math.round(now - since)} ms`);
    }
    behind = still;
  }, 100);
  return () => clearInterval(timer);
}

const mob = await serve({
  listen: "tcp://127.0.0.1:0",
  maxLag: 256 * 2 ** 20, // a last resort: the policy comes first
  onLeave: ({ remoteAddress, reason, detail }) => console.log("left:", remoteAddress, reason, detail ?? ""),
});
const stop = watch(mob, { maxLag: 2 ** 20, grace: 1000 });

const slow = await connect(mob.urls[0]!); // nothing iterates over it
const reader = await connect(mob.urls[0]!);
let received = 0;
const reading = (async () => {
  for await (const message of reader) received += message.length;
})();

// 20 MB a second, until the policy has done its work.
while (mob.stats().closed.disconnected === 0) await pause(mob.publish(new Uint8Array(2 ** 16)) ? 3 : 50);
try {
  for await (const _ of slow); // what came before it fell behind
} catch (error) {
  console.log("the slow client sees:", error instanceof ClientError && error.code);
}

stop();
await mob.close();
await reading;
console.log("the other client received", received, "bytes and sees:", (await reader.closed).reason);
