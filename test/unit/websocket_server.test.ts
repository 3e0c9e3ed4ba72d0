/** WebSocket listeners on scripted sockets: one order, control frames and ends, with every moment in the test's hands. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { READABLE } from "../../src/contract/adapter.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { packedRequest } from "../helpers/websocket_stream.ts";
import { CLOSE, control, message, open, PING, received, send } from "../helpers/scripted_websockets.ts";

const PONG = 10;

// --- one order ---

test("clients of TCP, of WebSocket and of mobcast.u64 receive the same messages in one order", async () => {
  const { world, join } = await open();
  const [tcp, plain, packed] = [world.join(), join(), join(true)];
  world.say(tcp, "one", "two");
  send(world, plain, concat(message("three"), clientFrame({ first: 0x81, payload: bytesOf("four") })));
  const run = concat(frameOf("five"), frameOf("six"));
  send(world, packed, clientFrame({ payload: run.subarray(0, 13) }), clientFrame({ payload: run.subarray(13) }));
  world.mob.publish("seven");
  world.run();
  const all = ["one", "two", "three", "four", "five", "six", "seven"];
  assertEquals(tcp.socket.texts, all);
  assertEquals(received(plain.socket).frames, all);
  assertEquals(received(packed.socket).payloads.flatMap((payload) => textsOf(payload)), all);
  for (const row of world.mob.connections()) {
    assertEquals([row.delivered.frames, row.skipped.frames, row.lag.frames], [7, 0, 0]);
  }
  assertEquals(
    world.mob.stats().feeds.map(({ framing, connections, published }) => [framing, connections, published.frames]),
    [["u64", 1, 7], ["websocket", 1, 7], ["mobcast.u64", 1, 7]],
  );
  // Bytes in the mob's own framing: eight of a header for each message.
  assertEquals(world.mob.stats().published, { frames: 7, bytes: 7 * 8 + all.join("").length });
});

test("a tick's run is one write to each connection, and one message to a client of mobcast.u64", async () => {
  const { world, join } = await open();
  const [tcp, plain, packed] = [world.join(), join(), join(true)];
  const writes = [tcp, plain, packed].map(({ socket }) => socket.offers.length);
  world.say(tcp, ...Array.from({ length: 100 }, (_, index) => `message ${index}`));
  assertEquals([tcp, plain, packed].map(({ socket }, index) => socket.offers.length - writes[index]!), [1, 1, 1]);
  assertEquals(received(plain.socket).frames.length, 100);
  const { payloads } = received(packed.socket);
  assertEquals([payloads.length, textsOf(payloads[0]!).length], [1, 100]);
});

test("a message of mobcast.u64 has at most 65,535 bytes, unless one frame has more", async () => {
  const { world, join } = await open();
  const [tcp, packed] = [world.join(), join(true)];
  const texts = ["x".repeat(40_000), "y".repeat(25_511), "z", "l".repeat(100_000), "t"];
  world.say(tcp, ...texts);
  const { payloads } = received(packed.socket);
  assertEquals(payloads.map(({ length }) => length), [40_000 + 25_511 + 16, 9, 100_008, 9]);
  assertEquals(payloads.flatMap((payload) => textsOf(payload)), texts);
});

test("a client of mobcast.u64 that joins in the middle of a tick receives what is published from then on", async () => {
  const { world, come, join } = await open();
  const [tcp, first, second] = [world.join(), join(true), come()];
  tcp.socket.incoming.push(frameOf("before"));
  second.socket.incoming.push(packedRequest());
  for (const { token } of [tcp, second]) world.ready(token, READABLE);
  world.run();
  world.say(tcp, "after");
  assertEquals(received(first.socket).payloads.flatMap((payload) => textsOf(payload)), ["before", "after"]);
  assertEquals(received(second.socket).payloads.flatMap((payload) => textsOf(payload)), ["after"]);
  const counts = world.mob.connections().map(({ delivered }) => delivered.frames).sort();
  assertEquals(counts, [1, 2, 2]);
});

test("echo others: no client receives its own messages, also in mobcast.u64", async () => {
  const { world, join } = await open({ echo: "others" });
  const members = [world.join(), join(), join(true)] as const;
  const [tcp, plain, packed] = members;
  for (const [member, name] of [[plain, "plain"], [packed, "packed"]] as const) {
    const bytes = (text: string): Uint8Array =>
      member === plain ? message(text) : clientFrame({ payload: frameOf(text) });
    member.socket.incoming.push(concat(bytes(`${name} 1`), bytes(`${name} 2`)));
    world.ready(member.token, READABLE);
  }
  tcp.socket.incoming.push(frameOf("tcp"));
  world.ready(tcp.token, READABLE);
  world.run();
  assertEquals(tcp.socket.texts, ["plain 1", "plain 2", "packed 1", "packed 2"]);
  assertEquals(received(plain.socket).frames, ["packed 1", "packed 2", "tcp"]);
  assertEquals(received(packed.socket).payloads.flatMap((each) => textsOf(each)), ["plain 1", "plain 2", "tcp"]);
  for (const { delivered, skipped, lag } of world.mob.connections()) {
    assertEquals(delivered.frames + skipped.frames + lag.frames, 5);
  }
});

test("skip: a slow client goes on at a message boundary, and what it missed is counted in frames", async () => {
  const { world, join } = await open({ slowConsumer: "skip", maxLag: 4000 });
  const [tcp, plain, packed] = [world.join(), join(), join(true)];
  for (const { socket } of [plain, packed]) socket.room = 0;
  const text = "x".repeat(92);
  const batch = (first: number): string[] => Array.from({ length: 4 }, (_, at) => `${text}${first + at}`);
  world.say(tcp, ...batch(1000));
  // Half of the first message.
  for (const { socket, token } of [plain, packed]) world.makeRoom(socket, token, 50);
  world.run();
  for (let first = 1004; first < 1100; first += 4) world.say(tcp, ...batch(first));
  for (const { socket, token } of [plain, packed]) world.makeRoom(socket, token, Infinity);
  world.run();
  world.say(tcp, "live");
  assertEquals(received(plain.socket).frames, [`${text}1000`, "live"]);
  assertEquals(received(packed.socket).payloads.map((each) => textsOf(each).length), [4, 1]);
  const rows = world.mob.connections().map(({ delivered, skipped, lag }) =>
    [delivered, skipped, lag].map((c) => c.frames)
  );
  assertEquals(rows.sort(), [[101, 0, 0], [2, 99, 0], [5, 96, 0]]);
});

// --- control frames ---

test("a ping is answered behind the message that is half delivered, and before the next one", async () => {
  const { world, join } = await open();
  const [tcp, plain] = [world.join(), join()];
  plain.socket.room = 5;
  world.say(tcp, "first message", "second message");
  send(world, plain, control(PING, bytesOf("?")));
  world.makeRoom(plain.socket, plain.token, 3);
  world.run();
  world.makeRoom(plain.socket, plain.token, Infinity);
  world.run();
  assertEquals(received(plain.socket).frames, ["first message", "pong:?", "second message"]);
  const [row] = world.mob.connections().filter(({ listener }) => listener!.startsWith("ws:"));
  // Answers are no part of what is published and delivered.
  assertEquals([row!.delivered, row!.lag.bytes], [{ frames: 2, bytes: 2 * 2 + 13 + 14 }, 0]);
});

test("of many pings of a client that does not read, some are answered, the last one among them", async () => {
  const { world, join } = await open();
  const plain = join();
  plain.socket.room = 1;
  for (let count = 0; count < 1000; count++) send(world, plain, control(PING, bytesOf(`${count}`)));
  world.makeRoom(plain.socket, plain.token, Infinity);
  world.run();
  const { frames } = received(plain.socket);
  assertEquals([frames[0], frames.at(-1), frames.length <= 10], ["pong:0", "pong:999", true]);
});

test("a client to which nothing is delivered is pinged, and one that receives messages is not", async () => {
  const { world, join } = await open({ pingInterval: 1000, idleTimeout: 2500 });
  const [tcp, quiet] = [world.join(), join()];
  const later = (milliseconds: number): void => {
    world.adapter.advance(milliseconds);
    world.run();
  };
  later(1001);
  assertEquals(received(quiet.socket).frames, ["ping:"]);
  world.say(tcp, "something");
  later(1001);
  assertEquals(received(quiet.socket).frames, ["ping:", "something"]);
  later(1001);
  assertEquals(received(quiet.socket).frames, ["ping:", "something", "ping:"]);
  // A pong is a sign of life; without one the connection is idle.
  send(world, quiet, control(PONG));
  later(2000);
  assertEquals(world.reasons.filter((reason) => reason === "idle").length, 1);
  later(1000);
  assertEquals(received(quiet.socket).frames.at(-1), "close:1008:idle");
  later(1001);
  assertEquals(world.reasons, ["idle", "idle"]);
});

// --- ends ---

test("a client's close frame is answered with its code, behind what is pending, and its end is an end", async () => {
  for (const [payload, answer] of [[Uint8Array.of(0x0f, 0xa1), "close:4001:"], [undefined, "close:1000:"]] as const) {
    const { world, join } = await open();
    const [tcp, plain] = [world.join(), join()];
    plain.socket.room = 4;
    world.say(tcp, "pending");
    send(world, plain, concat(message("last"), control(CLOSE, payload), message("not any more")));
    world.makeRoom(plain.socket, plain.token, Infinity);
    world.run();
    assertEquals(received(plain.socket).frames, ["pending", "last", answer]);
    assertEquals(plain.socket.shutdowns, 1);
    world.adapter.advance(1001);
    world.run();
    assertEquals([world.reasons, plain.socket.closes, tcp.socket.texts], [["end"], 1, ["pending", "last"]]);
  }
});

test("each fault of a client has its close code, and ends behind what is pending", async () => {
  const cases: readonly [chunks: Uint8Array[], frame: RegExp, reason: string][] = [
    [[clientFrame({ payload: bytesOf("x"), mask: null })], /^close:1002:.*masked/, "protocol-error"],
    [[clientFrame({ first: 0xc2 })], /^close:1002:.*reserved/, "protocol-error"],
    [[clientFrame({ first: 0x81, payload: Uint8Array.of(0xff) })], /^close:1007:/, "protocol-error"],
    [[clientFrame({ payload: new Uint8Array(101) })], /^close:1009:/, "frame-too-large"],
  ];
  for (const [chunks, frame, reason] of cases) {
    const { world, join } = await open({ maxFrame: 100 });
    const [tcp, plain] = [world.join(), join()];
    send(world, plain, concat(message("good"), ...chunks, message("behind")));
    const { frames } = received(plain.socket);
    assertEquals([frames[0], frames.length, tcp.socket.texts], ["good", 2, ["good"]]);
    assert(frame.test(frames[1]!), frames[1]);
    // What the client still sends is read and dropped, so that the close frame is not overtaken by a reset.
    send(world, plain, new Uint8Array(5000));
    assertEquals([plain.socket.incoming.length, plain.socket.closes], [0, 0]);
    world.adapter.advance(1001);
    world.run();
    assertEquals(world.reasons, [reason]);
  }
});

test("a client whose socket takes nothing goes at once, without a close frame", async () => {
  const { world, join } = await open();
  const [tcp, plain] = [world.join(), join()];
  plain.socket.room = 0;
  world.say(tcp, "pending");
  send(world, plain, clientFrame({ mask: null }));
  assertEquals([world.reasons, received(plain.socket).frames], [["protocol-error"], []]);
});

test("a deadline that passes in a quiet mob has its close frame at once", async () => {
  const cases = [
    {
      options: { frameTimeout: 1000 },
      sends: clientFrame({ first: 0x02, payload: bytesOf("half") }),
      reason: "frame-timeout",
    },
    { options: { idleTimeout: 1000 }, sends: message("all"), reason: "idle" },
  ];
  for (const { options, sends, reason } of cases) {
    const { world, join } = await open({ ...options, pingInterval: 0 });
    const plain = join();
    send(world, plain, sends);
    world.adapter.advance(1001);
    world.run();
    assertEquals(received(plain.socket).frames.at(-1), `close:1008:${reason}`);
    assertEquals(plain.socket.shutdowns, 1);
  }
});

test("fragments count for one frameTimeout, whatever control frames come between them", async () => {
  const { world, join } = await open({ frameTimeout: 1000, pingInterval: 0 });
  const plain = join();
  send(world, plain, clientFrame({ first: 0x02, payload: bytesOf("begin") }));
  for (let count = 0; count < 3; count++) {
    world.adapter.advance(400);
    world.run();
    send(world, plain, concat(control(PING), clientFrame({ first: 0x00 })));
  }
  assertEquals(received(plain.socket).frames.at(-1), "close:1008:frame-timeout");
});

test("a mob that closes says 1001 to clients, and 503 to those whose handshake is not over", async () => {
  const { world, come, join } = await open();
  const [plain, packed, waiting] = [join(), join(true), come()];
  send(world, waiting, bytesOf("GET / HTTP/1.1\r\n"));
  const closed = world.mob.close();
  world.run();
  for (const { socket } of [plain, packed]) assertEquals(received(socket).frames, ["close:1001:shutdown"]);
  assertEquals(received(waiting.socket).status, 503);
  world.adapter.advance(1001);
  world.run();
  await closed;
  assertEquals(world.mob.stats().closed.shutdown, 2);
  assertEquals(world.mob.stats().closed.refused, 1);
});
