/**
 * What a mob promises to its clients, at a real WebSocket listener: one order, secrets, limits, deadlines, and its end.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import type { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";
import { control, message, PING, PONG, type WebSocketCheck } from "./websocket_stage.ts";

const packedFrame = (text: string): Uint8Array => clientFrame({ payload: frameOf(text) });

/** Registers the cases. */
export function inOneMob(check: WebSocketCheck): void {
  check("clients of TCP, WebSocket and mobcast.u64 receive the same messages in one order", async (open) => {
    const stage = await open();
    const [plain, packed, tcp] = [await stage.join(), await stage.join(true), await stage.joinTcp()];
    const each = 200;
    for (let count = 0; count < each; count++) {
      const text = (name: string): string => `${name} ${count} ${"x".repeat(count * 13 % 500)}`;
      plain.send(clientFrame({ first: count % 2 === 0 ? 0x82 : 0x81, payload: bytesOf(text("plain")) }));
      packed.send(packedFrame(text("packed")));
      tcp.send(frameOf(text("tcp")));
      if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await plain.got(3 * each);
    await packed.until(() => packed.unpacked.length === 3 * each, "all messages");
    const texts = textsOf(await tcp.receive(stage.mob.stats().published.bytes));
    assertEquals([plain.messages, packed.unpacked], [texts, texts]);
    for (const name of ["plain", "packed", "tcp"]) {
      const own = texts.filter((text) => text.startsWith(name)).map((text) => Number(text.split(" ")[1]));
      assertEquals(own, Array.from({ length: each }, (_, index) => index));
    }
  });

  check("a client that joins receives the history first, in messages of its own kind", async (open) => {
    const stage = await open({ history: 1000, maxLag: 8000, maxFrame: 1000 });
    const texts = Array.from({ length: 40 }, (_, number) => `${number}`.padEnd(98, "."));
    for (const text of texts) {
      stage.mob.publish(text);
      await new Promise((resolve) => setTimeout(resolve));
    }
    const [plain, packed] = [await stage.join(), await stage.join(true)];
    // A message of 98 bytes is 100 with the header of WebSocket, and 108 with that of u64, too.
    await plain.got(10);
    await packed.until(() => packed.unpacked.length >= 9, "the history");
    stage.mob.publish("live");
    await plain.got(11);
    await packed.until(() => packed.unpacked.at(-1) === "live", "what is published then");
    assertEquals(plain.messages, [...texts.slice(-10), "live"]);
    assertEquals(packed.unpacked, [...texts.slice(-9), "live"]);
    assertEquals(stage.mob.stats().replayed.frames, 19);
  });

  check("mobcast.u64 is one stream of frames, wherever messages, fragments and segments cut it", async (open) => {
    const stage = await open();
    const [packed, witness] = [await stage.join(true), await stage.join()];
    const texts = ["", "a", "", "four", "x".repeat(300), "last"];
    const stream = concat(...texts.map((text) => frameOf(text)));
    const expected = texts.filter((text) => text !== "");
    let runs = 0;
    for (const size of [1, 3, 8, 13, stream.length]) {
      const cuts = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) => index * size);
      const pieces = cuts.map((at) => stream.subarray(at, at + size));
      packed.send(...pieces.map((payload) => clientFrame({ payload })));
      // The same as fragments of one message, with pings between them.
      packed.send(...pieces.flatMap((payload, index) => [
        clientFrame({ first: (index === 0 ? 2 : 0) | (index === pieces.length - 1 ? 128 : 0), payload }),
        ...(index % 50 === 0 ? [control(PING, `${runs}`)] : []),
      ]));
      runs += 2;
    }
    await packed.sendSlowly(clientFrame({ payload: stream }), 5);
    runs++;
    await witness.got(runs * expected.length);
    const all = Array.from({ length: runs }, () => expected).flat();
    assertEquals(witness.messages, all);
    await packed.until(() => packed.unpacked.length === all.length, "all messages");
    // Each message holds whole frames.
    assertEquals(packed.unpacked, all);
  });

  check(
    "the secret is the first message, whole or in pieces; a wrong one is 1008, and nobody learns it",
    async (open) => {
      const stage = await open({}, { secret: "open sesame" });
      const witness = await stage.joinTcp();
      for (const packed of [false, true]) {
        const wrap = packed ? packedFrame : message;
        const request = packed ? packedRequest() : upgradeRequest();
        const joined: WebSocketPeer[] = [];
        for (
          const bytes of [
            concat(request, wrap("open sesame"), wrap("behind it")),
            concat(request, control(PING), clientFrame({ first: 0x82 }), wrap("open sesame"), wrap("behind it")),
          ]
        ) {
          joined.push(stage.send(bytes));
        }
        const slow = stage.send(request);
        await slow.sendSlowly(wrap("open sesame"));
        slow.send(wrap("behind it"));
        joined.push(slow);
        for (const peer of joined) await peer.until(() => peer.received.payloads.length > 0, "its message");
        for (const wrong of ["open sesamE", "", "open", "open sesame, please", "x".repeat(5000)]) {
          const peer = stage.send(request, wrap(wrong === "" ? "y" : wrong), wrap("behind it"));
          assertEquals(await peer.ends(), "close:1008:unauthorized", wrong);
          assertEquals(peer.received.payloads, []);
        }
      }
      assertEquals(textsOf(await witness.receive(6 * 17)), Array.from({ length: 6 }, () => "behind it"));
      assertEquals([stage.mob.stats().closed.unauthorized, stage.mob.stats().connections], [10, 7]);
    },
  );

  check("deadlines hold: a half message, a silent client, and a ping in the pauses", async (open) => {
    const late = await open({ frameTimeout: 100, pingInterval: 0 });
    const half = await late.join();
    half.send(clientFrame({ first: 2, payload: bytesOf("half") }), control(PING));
    assertEquals(await half.ends(), "close:1008:frame-timeout");
    const idle = await open({ idleTimeout: 150, pingInterval: 0 });
    const silent = await idle.join();
    assertEquals(await silent.ends(), "close:1008:idle");
    const pinging = await open({ idleTimeout: 1500, pingInterval: 50 });
    const [quiet, packed] = [await pinging.join(), await pinging.join(true)];
    for (const peer of [quiet, packed]) {
      await peer.got("ping:");
      peer.send(control(PONG));
    }
    await quiet.until(() => quiet.received.frames.length > 2, "three pings");
    assertEquals(new Set(quiet.received.frames), new Set(["ping:"]));
  });

  check("policies and rates hold", async (open) => {
    const others = await open({ echo: "others", maxFrame: 100 });
    const [one, two] = [await others.join(), await others.join(true)];
    one.send(message("of one"));
    await two.until(() => two.unpacked.length === 1, "a message");
    two.send(packedFrame("of two"));
    await one.got(1);
    assertEquals([one.messages, two.unpacked], [["of two"], ["of one"]]);
    one.send(message("x".repeat(101)));
    assertEquals(await one.ends(), "close:1009:a message is over maxFrame");
    const lagging = await open({ maxLag: 2 ** 20, maxFrame: 2 ** 20 });
    const stuck = [await lagging.join(), await lagging.join(true)];
    for (const peer of stuck) peer.pause();
    const text = "x".repeat(500_000);
    await lagging.until(() => {
      if (lagging.mob.stats().connections > 0) lagging.mob.publish(text);
      return lagging.mob.stats().closed.lagged === 2;
    }, "both to be lagged");
    // Nothing comes behind what they did not read: no close frame, and no torn frame that looks whole.
    for (const peer of stuck) {
      peer.resume();
      if (lagging.seesLoss) await peer.over();
      assert(!peer.received.frames.some((frame) => frame.startsWith("close:")));
    }
    const slow = await open({ maxFrameRate: 200 });
    const fast = await slow.join();
    const run = (count: number): Uint8Array => concat(...Array.from({ length: count }, () => message("one of many")));
    fast.send(run(200));
    await fast.got(200);
    const began = performance.now();
    fast.send(run(200));
    await fast.got(400);
    fast.send(run(1));
    await fast.got(401);
    assert(performance.now() - began > 500, `the rate does not hold: ${performance.now() - began} ms`);
  });

  check("a mob that closes says 1001 behind what it has published, and 503 to a handshake under way", async (open) => {
    const stage = await open();
    const [plain, packed] = [await stage.join(), await stage.join(true)];
    const waiting = stage.send(upgradeRequest().subarray(0, 30));
    await stage.until(() => stage.mob.stats().unauthenticated === 1, "the third client");
    stage.mob.publish("last");
    const closed = stage.mob.close();
    const lasts = await Promise.all([plain, packed, waiting].map((peer) => peer.ends()));
    await closed;
    assertEquals(lasts, ["close:1001:shutdown", "close:1001:shutdown", undefined]);
    assertEquals([plain.messages, packed.unpacked, waiting.received.status], [["last"], ["last"], 503]);
  });
}
