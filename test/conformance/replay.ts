/**
 * History, and streams that resume, over real sockets: what a client receives is the stream that was published, wherever
 * connections break.
 *
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Adapter } from "../../src/contract/adapter.ts";
import { formatAddress } from "../../src/contract/address.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { connect, serve } from "../../mod.ts";
import { textOf } from "../helpers/bytes.ts";
import { pause } from "../helpers/wait.ts";
import { OVER_TCP, overTls, overUnix, type Transport } from "../helpers/transports.ts";

const NAMES = Object.keys(FRAMINGS) as FramingName[];

/** A message that begins with its number. */
function messageOf(number: number): string {
  return `${number} `.padEnd(8 + number * 31 % 700, "x");
}

/** The last messages that are at most so many bytes in a framing. */
function suffix(messages: readonly string[], bytes: number, framing: FramingName): string[] {
  let [from, left] = [messages.length, bytes];
  while (from > 0 && FRAMINGS[framing].size(messages[from - 1]!.length) <= left) {
    left -= FRAMINGS[framing].size(messages[--from]!.length);
  }
  return messages.slice(from);
}

/** Registers the cases for one adapter. */
export function replay(name: string, adapter: () => Adapter | Promise<Adapter>): void {
  test(
    `${name}: a client of any framing over any transport receives the history first`,
    { timeout: 30_000 },
    async () => {
      const transports = [OVER_TCP, await overTls(), overUnix()];
      const listen = transports.flatMap((transport) =>
        NAMES.map((framing) => `${formatAddress(transport.address("127.0.0.1", 0))}?framing=${framing}`)
      );
      const { listener, dial } = transports[1]!;
      const history = 100_000;
      const mob = await serve({ adapter: await adapter(), listen, tls: listener!.tls, history });
      const messages = Array.from({ length: 1000 }, (_, number) => messageOf(number));
      for (const message of messages.slice(0, 900)) mob.publish(message);
      while (mob.stats().bufferedAmount > 0) await pause();
      const clients = await Promise.all(
        mob.urls.map(async (url) =>
          await connect(url, { adapter: await adapter(), ...(url.startsWith("tls") && dial) })
        ),
      );
      while (mob.connectionCount < clients.length) await pause();
      for (const message of messages.slice(900)) mob.publish(message);
      for (const [index, client] of clients.entries()) {
        const framing = NAMES[index % NAMES.length]!;
        const expected = [...suffix(messages.slice(0, 900), history, framing), ...messages.slice(900)];
        const texts: string[] = [];
        for await (const text of client.text()) if (texts.push(text) === expected.length) break;
        assertEquals(texts, expected, mob.urls[index]);
        await client.close();
      }
      await mob.close();
    },
  );

  for (const [words, history] of [["nothing is missed", 4 * 2 ** 20], ["gaps are told exactly", 20_000]] as const) {
    test(
      `${name}: streams resume through lost connections over any transport: ${words}`,
      { timeout: 60_000 },
      async () => {
        for (const transport of [OVER_TCP, await overTls(), overUnix()]) {
          await through(transport, await adapter(), history);
        }
      },
    );
  }
}

/** A client whose connection is cut again and again while the mob publishes. */
async function through(transport: Transport, adapter: Adapter, history: number): Promise<void> {
  await using mob = await serve({
    adapter,
    listen: `${formatAddress(transport.address("127.0.0.1", 0))}?resume=true`,
    tls: transport.listener?.tls,
    history,
  });
  const count = 3000;
  let received = 0;
  let missed = 0;
  await using client = await connect(mob.urls[0]!, {
    adapter,
    ...transport.dial,
    reconnect: {
      minDelay: 5,
      maxDelay: 20,
      onGap: ({ bytes }) => {
        assert(bytes !== undefined && bytes > 0, `a gap of ${bytes} bytes`);
        missed++;
        for (let left = bytes; left > 0; received++) {
          left -= FRAMINGS.u64.size(messageOf(received).length);
          assert(left >= 0, "a gap ends inside a frame");
        }
      },
    },
  });
  const receiving = (async () => {
    for await (const message of client) {
      assertEquals(textOf(message), messageOf(received++));
      if (received === count) break;
    }
  })();
  // Its stream begins where it joins, which may be after connect() has resolved.
  while (mob.connections().length === 0) await pause();
  for (let number = 0; number < count; number++) {
    mob.publish(messageOf(number));
    // Before a client that was cut off can come back, a hundred messages are published: more than the short history.
    if (number % 10 === 0 && number % 150 > 100) await pause();
    if (number % 150 > 0) continue;
    // The client may take a while to come back.
    while (mob.connections().length === 0) await pause();
    for (const { token } of mob.connections()) mob.disconnect(token);
  }
  // The last message comes by itself, whatever was cut before.
  await receiving;
  assertEquals(mob.stats().closed.disconnected, count / 150);
  assert(history > 2 ** 20 ? missed === 0 : missed > 0, `${missed} gaps`);
}
