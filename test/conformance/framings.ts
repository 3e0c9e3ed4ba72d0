/**
 * One mob behind listeners of every framing and every transport: one order for all, on whatever adapter it is given.
 *
 * @module
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Adapter } from "../../src/contract/adapter.ts";
import { formatAddress } from "../../src/contract/address.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import type { Client } from "../../src/client/client.ts";
import { connect } from "../../mod.ts";
import { serve } from "../../mod.ts";
import { textOf } from "../helpers/bytes.ts";
import { pause } from "../helpers/wait.ts";
import { OVER_TCP, overTls, overUnix, type Transport } from "../helpers/transports.ts";

const NAMES = Object.keys(FRAMINGS) as FramingName[];

/** Frames from each client. */
const EACH = 60;

/** A client and how its listener delimits frames. */
interface Member {
  readonly client: Client;
  readonly framing: FramingName;
  readonly url: string;
}

/** Opens a mob with a listener for each framing over each transport, and connects a client to each. */
async function open(adapter: Adapter, transports: readonly Transport[]) {
  const listen = transports.flatMap((transport) =>
    NAMES.map((framing) => `${formatAddress(transport.address("127.0.0.1", 0))}?framing=${framing}`)
  );
  const { tls } = transports.find(({ listener }) => listener?.tls !== undefined)!.listener!;
  const mob = await serve({ adapter, listen, tls });
  const members: Member[] = [];
  for (const [index, url] of mob.urls.entries()) {
    const dial = url.startsWith("tls:") ? transports.find(({ dial }) => dial !== undefined)!.dial : undefined;
    members.push({ client: await connect(url, { adapter, ...dial }), framing: NAMES[index % NAMES.length]!, url });
  }
  while (mob.stats().connections < members.length) await pause(2);
  return { mob, members };
}

/** The payloads of one client: some of them have a newline, where its framing can carry that. */
function payloadsOf(index: number, framing: FramingName): string[] {
  return Array.from({ length: EACH }, (_, count) => {
    const separator = framing !== "line" && count % 5 === 2 ? "\n" : " ";
    return `${index}${separator}${count}${separator}${"x".repeat(count * 11)}`;
  });
}

async function receive(client: Client, count: number): Promise<string[]> {
  const texts: string[] = [];
  if (count === 0) return texts;
  for await (const message of client) if (texts.push(textOf(message)) === count) break;
  return texts;
}

/** Registers the cases for one adapter. */
export function framings(name: string, adapter: () => Adapter | Promise<Adapter>): void {
  test(`${name}: listeners of every framing over every transport are one mob, in one order`, {
    timeout: 30_000,
  }, async () => {
    const { mob, members } = await open(await adapter(), [OVER_TCP, await overTls(), overUnix()]);
    // The mob's own framing is u64: only the others stand in a URL.
    assertEquals(mob.urls.map((url) => url.split("?framing=")[1] ?? "u64"), members.map(({ framing }) => framing));
    const sent = members.map(({ framing }, index) => payloadsOf(index, framing));
    const all = sent.flat();
    const lines = all.filter((text) => !text.includes("\n"));
    const sending = members.map(async ({ client }, index) => {
      for (const text of sent[index]!) await client.send(text);
    });
    const received = await Promise.all(
      members.map(({ client, framing }) => receive(client, (framing === "line" ? lines : all).length)),
    );
    await Promise.all(sending);
    const order = received[members.findIndex(({ framing }) => framing === "u64")]!;
    assertEquals([...order].sort(), [...all].sort());
    for (const [index, { framing }] of members.entries()) {
      assertEquals(received[index], framing === "line" ? order.filter((text) => !text.includes("\n")) : order);
      assertEquals(order.filter((text) => /^\d+/.exec(text)![0] === `${index}`), sent[index]);
    }
    const skipped = all.length - lines.length;
    const rows = mob.connections();
    for (const { url, framing } of members) {
      const row = rows.find(({ listener }) => listener === url)!;
      assertEquals(row.skipped.frames, framing === "line" ? skipped : 0, url);
      assertEquals(row.delivered.frames + row.skipped.frames + row.lag.frames, all.length, url);
    }
    assertEquals(mob.stats().published.frames, all.length);
    await Promise.all(members.map(({ client }) => client.close()));
    await mob.close();
  });
}
