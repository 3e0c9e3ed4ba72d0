/** The channel over a stream of an engine: how much waits at most, and its end. */

import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { NodeFilter } from "../../src/bus/node_filter.ts";
import { answers, joined, readAll } from "../helpers/scripted_stream.ts";
import { A, B, batch, from } from "../helpers/envelopes.ts";

test("the stream pauses when much waits to be read, and goes on when little does: one huge batch passes", async () => {
  const MiB = 2 ** 20;
  const { stream, channel } = await joined({ maxMessage: 2 * MiB, maxFrame: 64 * MiB });
  let sent = 0;
  const pump = (): void => {
    while (!stream.paused && sent < 60) {
      stream.deliver(from(A, 1, new Uint8Array(MiB), { start: sent * MiB, isLast: sent === 59 }));
      sent++;
    }
  };
  pump();
  assertEquals([sent, stream.paused], [8, true]);
  let item = channel.read();
  for (let round = 0; !item; round++) {
    assert(round < 20 && !stream.paused);
    pump();
    item = channel.read();
  }
  assert(item.type === "batch" && item.bytes.length === 60 * MiB);
  // It goes on when there are fewer than two.
  sent = 0;
  for (; !stream.paused; sent++) stream.deliver(from(B, sent + 1, new Uint8Array(MiB)));
  for (let left = sent - 1; left > 1; left--) {
    channel.read();
    assert(stream.paused, `${left} left`);
  }
  channel.read();
  assert(!stream.paused);
  // Tiny messages count as well.
  for (sent = 0; !stream.paused; sent++) stream.deliver(new Uint8Array());
  assertLess(sent, 40_000);
});

test("pieces of a node that never ends its batch have a bound, so have those of all nodes, and so have nodes", () => {
  const filter = new NodeFilter(A, 1000, 10);
  const judge = (node: number, number: number, start: number, length: number, isLast = false) =>
    filter.judge(
      { node: node.toString(16).padStart(16, "0"), number, sequence: 0, offset: 0, start, isLast },
      new Uint8Array(length),
      1,
    );
  assertEquals(judge(1, 1, 0, 600), "piece");
  assertEquals(judge(1, 1, 600, 401), "too large");
  assertEquals(filter.pieceBytes, 0);
  // It may begin again, and a batch of the largest size is taken.
  assertEquals(judge(1, 1, 0, 600), "piece");
  assertEquals((judge(1, 1, 600, 400, true) as Uint8Array).length, 1000);
  // A batch in the smallest pieces costs more than its bytes.
  let verdict: unknown = "piece";
  for (let at = 0; verdict === "piece"; at++) {
    assertLess(at, 1000);
    verdict = judge(2, 1, at, 1);
    assertLess(filter.pieceBytes, 16_001);
  }
  assertEquals([verdict, filter.pieceBytes], ["too large", 0]);
  // Of all nodes together, what has waited for longest goes, and is missing when its end comes.
  const roomy = new NodeFilter(A, 1000, 100);
  const begin = (node: number): void => {
    const envelope = {
      node: node.toString(16).padStart(16, "0"),
      number: 1,
      sequence: 0,
      offset: 0,
      start: 0,
      isLast: false,
    };
    assertEquals(roomy.judge(envelope, new Uint8Array(900), 1), "piece");
  };
  for (let node = 1; node <= 40; node++) {
    begin(node);
    assertLess(roomy.pieceBytes, 16_001);
  }
  const end = { number: 1, sequence: 0, offset: 0, start: 900, isLast: true };
  assertEquals(roomy.judge({ ...end, node: "0000000000000001" }, new Uint8Array(100), 1), "headless");
  assertEquals(roomy.missed, 1);
  assertEquals(
    (roomy.judge({ ...end, node: (40).toString(16).padStart(16, "0") }, new Uint8Array(100), 1) as Uint8Array).length,
    1000,
  );
  // The node that was silent for longest is forgotten, never this mob's own.
  for (let node = 1; node <= 20; node++) judge(node, 7, 0, 10);
  assertEquals(filter.nodes, 10);
  assertEquals(judge(20, 7, 0, 10), "repeated");
  assertEquals(typeof judge(3, 7, 0, 10, true), "object");
  assertEquals(filter.ownStart, 0);
  assertEquals(
    filter.judge({ node: A, number: 2, sequence: 0, offset: 0, start: 0, isLast: true }, new Uint8Array(), 1),
    "early",
  );
});

test("closing ends everything: no timer, no append, nothing to read, and late answers are nothing", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.failed(new Error("timeout"));
  await answers();
  assertEquals(timers.length, 1);
  stream.deliver(from(A, 1, batch(1)));
  await channel.close();
  assertEquals([timers.length, readAll(channel), channel.writable], [0, [], false]);
  stream.reader.back();
  assertEquals(stream.appended.length, 1);
  const other = await joined();
  other.channel.write(1, batch(7));
  await other.channel.close();
  other.stream.last.stored(1);
  await answers();
  other.stream.deliver();
  assertEquals([other.timers.length, other.stream.appended.length], [0, 1]);
});
