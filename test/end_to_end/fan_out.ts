/** 1,000 connections, 100,000 frames, in short 10,000: nothing is lost, repeated or reordered. */

import { Clients, percent, type Row, type Scenario, type Size } from "./scenario.ts";
import { processorOf, Server } from "./server.ts";

/** Some of a thousand also send. */
const PUBLISHERS = 8;

/** The longest that a fan-out may take, in milliseconds. */
const LIMIT = 60_000;

/** How much of it. */
const CONNECTIONS = 1000;
const FRAMES: Readonly<Record<Size, number>> = { long: 100_000, short: 10_000 };

/** From 20 to 64 bytes. */
const payload = (sequence: number): number => 20 + sequence * 7 % 45;

/** See above. */
export const crowd: Scenario = {
  name: "crowd",
  about: "1,000 connections, 100,000 frames: nothing lost, repeated or reordered",
  async *run(runtime, size) {
    const server = await Server.start(runtime, []);
    const clients = new Clients(server.port);
    try {
      yield await flood(clients, server, FRAMES[size]);
    } finally {
      clients.leave();
      await server.stop();
    }
  },
};

async function flood(clients: Clients, server: Server, frames: number): Promise<Row> {
  await clients.grow(PUBLISHERS, CONNECTIONS - PUBLISHERS);
  const before = clients.expected.count;
  const used = [server.processor(), processorOf("self")] as const;
  const began = performance.now();
  const load = { payload, window: 2000 };
  await Promise.all(clients.publishers.map((publisher) => publisher.flood(frames / PUBLISHERS, load, LIMIT)));
  await clients.settle(LIMIT);
  const seconds = (performance.now() - began) / 1000;
  const problems = clients.problems();
  const received = clients.expected.count - before;
  if (received !== frames) problems.push(`${received} frames were received, ${frames} were sent`);
  return {
    label: `${CONNECTIONS} connections`,
    figures: {
      frames,
      time: `${seconds.toFixed(2)} s`,
      "deliveries/s": `${(frames * CONNECTIONS / seconds / 1e6).toFixed(1)} M`,
      "server cpu": percent(server.processor() - used[0], seconds),
      "load cpu": percent(processorOf("self") - used[1], seconds),
      "server memory": `${Math.round(server.memory().peak / 2 ** 20)} MiB`,
    },
    problems,
  };
}
