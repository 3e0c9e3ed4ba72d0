/**
 * A game loop: sixty times a second the server takes what players have pressed since the last tick, moves them, and publishes
 * one snapshot to all. `onMessage` withholds inputs: they are for the server alone. Here eight players play for three seconds.
 *
 * In a clone: `deno run --allow-net examples/game_loop.ts`, `bun examples/game_loop.ts`, or after `npm install`:
 * `node examples/game_loop.ts` (Node 22.18 and later) or `node --import tsx examples/game_loop.ts`.
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Client, connect, serve, type Token } from "mobcast";

const TICK = 1000 / 60;
const TICKS = 180;
const PLAYERS = 8;

const players = new Map<Token, { x: number; y: number; dx: number; dy: number }>();
const mob = await serve({
  listen: "tcp://127.0.0.1:0",
  maxFrame: 1000,
  maxFrameRate: 120, // a client that presses faster is read more slowly
  maxLag: 64 * 1024, // some seconds of snapshots: a client that is further behind goes on with the newest
  slowConsumer: "skip",
  onJoin: ({ token }) => players.set(token, { x: 0, y: 0, dx: 0, dy: 0 }),
  onLeave: ({ token }) => players.delete(token),
  onMessage: (message, { token }) => {
    const player = players.get(token);
    if (message.length === 2 && player) [player.dx, player.dy] = [message[0]! - 1, message[1]! - 1];
    return false;
  },
});

/** Presses left, right or nothing, and up, down or nothing, at each tenth snapshot. Returns how many snapshots came. */
async function play(client: Client): Promise<number> {
  let received = 0;
  for await (const { tick } of client.json<{ tick: number }>()) {
    received++;
    if (tick === TICKS) break;
    if (tick % 10 === 0) client.trySend(Uint8Array.of(Math.random() * 3, Math.random() * 3));
  }
  return received;
}

const clients = await Promise.all(Array.from({ length: PLAYERS }, () => connect(mob.urls[0]!)));
while (players.size < PLAYERS) await pause(5);
const playing = Promise.all(clients.map(play));
const began = performance.now();
for (let tick = 1; tick <= TICKS; tick++) {
  // Reckoned from the beginning: that a timer is late does not add up.
  await pause(Math.max(0, began + tick * TICK - performance.now()));
  for (const player of players.values()) Object.assign(player, { x: player.x + player.dx, y: player.y + player.dy });
  mob.publish(JSON.stringify({ tick, players: Array.from(players.values(), ({ x, y }) => [x, y]) }));
}
const rate = (TICKS * 1000 / (performance.now() - began)).toFixed(1);
const fewest = Math.min(...await playing);
const inputs = mob.stats().withheld.frames;
console.log(`${rate} ticks a second, ${inputs} inputs, ${fewest} of ${TICKS} snapshots at each player`);
await mob.close();
