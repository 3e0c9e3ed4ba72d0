/** A client that resumes its stream at other mobs of a bus, on NATS: mobs end and begin, and it misses nothing. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { natsRelay } from "../../nats.ts";
import type { Mob } from "../../src/server/mob.ts";
import { textOf } from "../helpers/bytes.ts";
import { freePort } from "../helpers/free_port.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { pause } from "../helpers/wait.ts";

/** How many messages are published. */
const COUNT = 3000;

test("mobs of a bus are replaced one after another, and a client receives every message once", {
  skip: NO_NATS,
  timeout: 120_000,
}, () => resumes("memory"));

test("the same while the engine is killed and started again", {
  skip: NO_NATS,
  timeout: 120_000,
}, () => resumes("file"));

/** With a stream in files the engine is killed, too. */
async function resumes(storage: "memory" | "file"): Promise<void> {
  await using engine = await NatsServer.start();
  const open = async (port: number, history: number): Promise<Mob> =>
    await serve({
      listen: `tcp://127.0.0.1:${port}?resume=true`,
      relay: await natsRelay(`nats://127.0.0.1:${engine.port}`, { name: "resume", storage }),
      history,
    });
  const [port, history] = [await freePort(), 2 ** 20];
  const publisher = await open(0, history);
  let mob = await open(port, history);
  const [received, gaps]: [number[], (number | undefined)[]] = [[], []];
  const client = await connect(`tcp://127.0.0.1:${port}?resume=true`, {
    reconnect: { minDelay: 5, maxDelay: 50, onGap: ({ bytes }) => void gaps.push(bytes) },
  });
  const receiving = (async () => {
    for await (const message of client) if (received.push(parseInt(textOf(message), 10)) >= COUNT) break;
  })();
  let published = 0;
  let isOver = false;
  const publishing = (async () => {
    for (; published < COUNT && !isOver; published++) {
      publisher.publish(`${published} `.padEnd(8 + published % 300, "x"));
      if (published % 5 === 0) await pause(5);
    }
  })();
  try {
    for (let round = 0; round < 5; round++) {
      await pause(300);
      await mob.close({ drain: 0 });
      await pause(50);
      mob = await open(port, history);
      if (storage === "file" && round % 2 === 0) {
        await engine.stop();
        await pause(100);
        await engine.start();
      }
    }
    await publishing;
    const late = setTimeout(() => void client.close({ timeout: 0 }), 30_000);
    await receiving;
    clearTimeout(late);
    assertEquals(gaps, []);
    assertEquals(received, Array.from({ length: COUNT }, (_, number) => number));
    assert(mob.stats().replayed.frames > 0, "what was published while no mob was there is replayed");
  } finally {
    isOver = true;
    await client.close({ timeout: 0 });
    await mob.close({ drain: 0 });
    await publisher.close({ drain: 0 });
  }
}
