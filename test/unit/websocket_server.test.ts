/** WebSocket listeners: the server's part, with scripted sockets, so that every byte and every moment is in the test's hands. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { ListenerOptions } from "../../src/server/mob_options.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { type Member, type ScriptedSocket, World } from "../helpers/scripted_server.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { packedRequest, readStream, type Received, upgradeRequest } from "../helpers/websocket_stream.ts";

const PING = 9;
const PONG = 10;
const CLOSE = 8;

/** What a socket was given, which ends with a whole frame. */
function received({ received: bytes }: ScriptedSocket): Received {
  const read = readStream(bytes);
  if (read.status === 101) assertEquals(read.rest.length, 0, "a torn frame");
  return read;
}

interface Page {
  readonly world: World;
  /** A client that has connected, and sent nothing. */
  come(client?: string): Member;
  /** A client whose handshake is over. */
  join(packed?: boolean): Member;
}

async function open(options: MobOptions & MobHooks = {}, listener: ListenerOptions = {}): Promise<Page> {
  const world = await World.open(options);
  const come = await world.listen("ws://127.0.0.1:0", listener);
  return {
    world,
    come,
    join(packed = false) {
      const member = come();
      send(world, member, packed ? packedRequest() : upgradeRequest());
      assertEquals(received(member.socket).status, 101);
      return member;
    },
  };
}

function send(world: World, { socket, token }: Member, ...chunks: (Uint8Array | null)[]): void {
  socket.incoming.push(...chunks);
  world.ready(token, READABLE);
  world.run();
}

const message = (text: string): Uint8Array => clientFrame({ payload: bytesOf(text) });
const control = (opcode: number, payload = bytesOf("")): Uint8Array => clientFrame({ first: 128 | opcode, payload });

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

// --- admission ---

test("an answer to a handshake goes out in as many writes as the socket wants, and the stream begins behind it", async () => {
  const { world, come } = await open();
  const tcp = world.join();
  const slow = come();
  slow.socket.room = 10;
  send(world, slow, concat(upgradeRequest(), message("in one chunk with the head")));
  world.say(tcp, "published meanwhile");
  for (let writes = 0; writes < 100; writes++) {
    world.makeRoom(slow.socket, slow.token, 7);
    world.run();
  }
  const { status, frames } = received(slow.socket);
  assertEquals([status, frames], [101, ["in one chunk with the head", "published meanwhile"]]);
});

test("the secret is the first message, in both kinds of client; a wrong one is 1008 and never told", async () => {
  for (const packed of [false, true]) {
    const { world, come } = await open({ secret: "sesame" });
    const wrap = (text: string): Uint8Array => packed ? clientFrame({ payload: frameOf(text) }) : message(text);
    const [right, wrong, chatty] = [come(), come(), come()];
    const long = come();
    for (const member of [right, wrong, chatty, long]) send(world, member, packed ? packedRequest() : upgradeRequest());
    send(world, chatty, control(PING, bytesOf("early")));
    assertEquals(received(chatty.socket).frames, ["pong:early"]);
    const bytes = wrap("sesame");
    for (let at = 0; at < bytes.length; at++) send(world, right, bytes.subarray(at, at + 1));
    send(world, chatty, concat(wrap("sesame"), wrap("behind it")));
    send(world, wrong, wrap("open!!"));
    send(world, long, wrap("open sesame, please"));
    for (const { socket } of [wrong, long]) assertEquals(received(socket).frames, ["close:1008:unauthorized"]);
    const hasty = come();
    send(world, hasty, concat(packed ? packedRequest() : upgradeRequest(), wrap("open!!")));
    assertEquals([received(hasty.socket).status, received(hasty.socket).frames], [101, ["close:1008:unauthorized"]]);
    const texts = (member: Member): string[] =>
      packed ? received(member.socket).payloads.flatMap((each) => textsOf(each)) : received(member.socket).frames;
    assertEquals(texts(right), ["behind it"]);
    assertEquals(world.mob.stats().connections, 2);
    assertEquals(world.mob.stats().closed.unauthorized, 3);
    world.adapter.advance(1001);
    world.run();
    assertEquals(wrong.socket.closes, 1);
  }
});

test("what is no WebSocket handshake is answered and counted as a failed one; a foreign origin is refused", async () => {
  const cases: readonly [Uint8Array, number, string][] = [
    [bytesOf("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 426, "handshake-failed"],
    [upgradeRequest({ "Sec-WebSocket-Version": "8" }), 426, "handshake-failed"],
    [upgradeRequest({ "Sec-WebSocket-Protocol": "chat" }), 400, "handshake-failed"],
    [frameOf("a client of tcp"), 400, "handshake-failed"],
    [upgradeRequest({ Origin: "https://evil.example" }), 403, "refused"],
  ];
  for (const [bytes, status, reason] of cases) {
    const { world, come } = await open();
    const member = come();
    send(world, member, bytes);
    assertEquals([received(member.socket).status, member.socket.shutdowns], [status, 1]);
    assertEquals(world.mob.stats().closed[reason as "refused"], 1);
    assertEquals(world.mob.stats().unauthenticated, 0);
    world.adapter.advance(1001);
    world.run();
    assertEquals(member.socket.closes, 1);
  }
});

test("a listed origin may connect, and a page of this machine", async () => {
  const { world, come } = await open({}, { origins: ["https://app.example"] });
  for (const origin of ["https://app.example", "http://localhost:5173"]) {
    const member = come();
    send(world, member, upgradeRequest({ Origin: origin }));
    assertEquals(received(member.socket).status, 101);
  }
  await assertRejects(
    () => world.mob.listen("tcp://127.0.0.1:0", { origins: ["*"] }),
    TypeError,
    "no WebSocket listener",
  );
  await assertRejects(() => world.mob.listen("ws://127.0.0.1:0", { framing: "line" }), TypeError, "framing");
  await assertRejects(
    () => world.mob.listen("ws://127.0.0.1:0", { origins: ["app.example"] }),
    TypeError,
    "app.example",
  );
});

test("a client over a limit or on a list is answered with 503 or 403, and takes nobody's place", async () => {
  const { world, come, join } = await open({ maxConnections: 2, deny: ["10.9.0.0/16"] });
  const denied = come("10.9.1.2:3");
  join();
  join();
  const full = [come(), come()];
  for (const member of [denied, ...full]) send(world, member, upgradeRequest());
  assertEquals([denied, ...full].map(({ socket }) => received(socket).status), [403, 503, 503]);
  assertEquals([denied, ...full].map(({ socket }) => socket.shutdowns), [1, 1, 1]);
  assertEquals(world.mob.stats().closed.refused, 3);
  world.adapter.advance(1001);
  world.run();
  assertEquals([denied, ...full].map(({ socket }) => socket.closes), [1, 1, 1]);
  assertEquals(world.mob.stats().connections, 2);
});

test("no more than 64 refused clients get their answer at a time", async () => {
  const { world, come } = await open({ maxConnections: 1 });
  // The first one has the only place.
  const answered = Array.from({ length: 65 }, () => come()).slice(1);
  assertThrows(() => come(), Error, "was refused");
  world.run();
  assertEquals(answered.map(({ socket }) => received(socket).status), Array.from(answered, () => 503));
});

test("a handshake that is not finished in time is dropped, and after the upgrade told so", async () => {
  const { world, come } = await open({ secret: "sesame", frameTimeout: 1000 });
  const [silent, upgraded] = [come(), come()];
  send(world, upgraded, upgradeRequest());
  world.adapter.advance(1001);
  world.run();
  assertEquals([silent.socket.closes, silent.socket.received.length], [1, 0]);
  assertEquals(received(upgraded.socket).frames, ["close:1008:unauthorized"]);
  assertEquals(world.mob.stats().closed.unauthorized, 2);
});

test("an answer that the client does not take is dropped after a second", async () => {
  const { world, come } = await open();
  const member = come();
  member.socket.room = 3;
  send(world, member, frameOf("garbage"));
  assertEquals(member.socket.shutdowns, 0);
  world.adapter.advance(1001);
  world.run();
  assertEquals([member.socket.closes, world.mob.stats().closed["handshake-failed"]], [1, 1]);
  world.ready(member.token, WRITABLE);
  world.run();
});

test("authorize is asked behind the upgrade, and its no is 1008", async () => {
  let answer: (allowed: boolean) => void = () => {};
  const { world, come } = await open({ authorize: () => new Promise<boolean>((resolve) => answer = resolve) });
  const member = come();
  send(world, member, upgradeRequest());
  assertEquals(received(member.socket).status, 101);
  answer(false);
  await new Promise((resolve) => setTimeout(resolve));
  world.run();
  assertEquals(received(member.socket).frames, ["close:1008:unauthorized"]);
});

test("disconnect() of the application is 1008 with its reason in the hooks and the log", async () => {
  const { world, join } = await open();
  const plain = join();
  assertEquals(world.mob.disconnect(plain.token, "too loud"), true);
  world.run();
  assertEquals(received(plain.socket).frames, ["close:1008:disconnected"]);
  world.adapter.advance(1001);
  world.run();
  assertEquals(world.departures.map(({ reason, detail }) => [reason, detail]), [["disconnected", "too loud"]]);
});

// --- what the simulation has found ---

test("what a client still sends when it leaves or is refused is read and dropped, without another event", async () => {
  const { world, come, join } = await open();
  const [plain, refused] = [join(), come()];
  const more = [new Uint8Array(5000), new Uint8Array(5000)];
  send(world, plain, clientFrame({ mask: null }), ...more);
  send(world, refused, frameOf("garbage"), ...more);
  assertEquals([plain.socket.incoming.length, refused.socket.incoming.length], [0, 0]);
});

test("a connection that is late gets its close frame in the next tick, and is gone a second later", async () => {
  const { world, join } = await open({ idleTimeout: 1000, pingInterval: 0 });
  const plain = join();
  world.adapter.advance(1001);
  world.run();
  assertEquals([received(plain.socket).frames, plain.socket.shutdowns], [["close:1008:idle"], 1]);
  world.adapter.advance(1001);
  world.run();
  assertEquals(world.reasons, ["idle"]);
});

test("the response comes before the answer to a ping in its chunk, and before what a client hears that leaves", async () => {
  const { world, come } = await open({ secret: "sesame" });
  const [chatty, hasty] = [come(), come()];
  send(world, chatty, concat(upgradeRequest(), control(PING, bytesOf("?"))));
  assertEquals([received(chatty.socket).status, received(chatty.socket).frames], [101, ["pong:?"]]);
  send(world, hasty, upgradeRequest(), null);
  assertEquals([received(hasty.socket).status, received(hasty.socket).frames], [101, ["close:1008:unauthorized"]]);
});

test("a socket that throws at an answer costs its own connection, also at a deadline and when the mob closes", async () => {
  for (const closes of [false, true]) {
    const { world, come } = await open({ secret: "sesame", frameTimeout: 1000 });
    const members = [come(), come()] as const;
    for (const member of members) send(world, member, upgradeRequest());
    members[0].socket.write = () => {
      throw new Error("the write of the test");
    };
    if (closes) void world.mob.close();
    else world.adapter.advance(1001);
    world.run();
    assertEquals(members[0].socket.closes, 1);
    assertEquals(received(members[1].socket).frames, [closes ? "close:1001:shutdown" : "close:1008:unauthorized"]);
  }
});

test("an event without cause ends the stream of a refused client no second time", async () => {
  const { world, come } = await open();
  const member = come();
  send(world, member, frameOf("garbage"));
  world.ready(member.token, WRITABLE);
  world.run();
  assertEquals(member.socket.shutdowns, 1);
});

test("a socket that is full is not written to before it takes bytes again, also when its connection joins", async () => {
  const { world, come } = await open({ secret: "sesame" });
  const member = come();
  member.socket.room = 10;
  send(world, member, upgradeRequest());
  send(world, member, control(PING));
  send(world, member, message("sesame"));
  assertEquals([world.mob.stats().connections, member.socket.offers.length], [1, 1]);
  world.makeRoom(member.socket, member.token, Infinity);
  world.run();
  assertEquals([received(member.socket).status, received(member.socket).frames], [101, ["pong:"]]);
});

test("a client whose socket takes answers is not stalled, even if it takes no messages", async () => {
  const { world, join } = await open({ stallTimeout: 1000 });
  const [tcp, plain] = [world.join(), join()];
  plain.socket.room = 0;
  send(world, plain, control(PING, bytesOf("1")), control(PING, bytesOf("2")));
  world.say(tcp, "pending");
  world.adapter.advance(900);
  world.makeRoom(plain.socket, plain.token, 4);
  world.run();
  world.adapter.advance(900);
  world.run();
  assertEquals(world.reasons, []);
  world.adapter.advance(200);
  world.run();
  assertEquals(world.reasons, ["stalled"]);
});

test("a client whose socket takes the last messages, and not the close frame behind them, is not stalled yet", async () => {
  const { world, join } = await open({ stallTimeout: 1000 });
  const [tcp, plain] = [world.join(), join()];
  plain.socket.room = 0;
  world.say(tcp, "hello");
  send(world, plain, control(CLOSE));
  world.adapter.advance(900);
  world.makeRoom(plain.socket, plain.token, 7);
  world.run();
  assertEquals(received(plain.socket).frames, ["hello"]);
  world.adapter.advance(900);
  world.run();
  assertEquals(world.reasons, []);
  world.adapter.advance(200);
  world.run();
  assertEquals(world.reasons, ["stalled"]);
});

test("when the mob has closed, a client gets no answer: nothing would end it", async () => {
  const { world, come } = await open();
  const closed = world.mob.close();
  world.run();
  await closed;
  assertThrows(() => come(), Error, "was refused");
});

test("the text of a disconnect is not that of another reason for which its connection goes at last", async () => {
  const { world, join } = await open({ stallTimeout: 1000 });
  const plain = join();
  plain.socket.room = 0;
  world.mob.disconnect(plain.token, "too loud");
  world.run();
  world.adapter.advance(1001);
  world.run();
  assertEquals(world.departures.map(({ reason, detail }) => [reason, detail]), [["stalled", undefined]]);
});

test("the first of two texts of disconnect() stays; one of a connection that leaves by itself is its own", async () => {
  const { world, join } = await open();
  const [twice, silent, closed] = [join(), join(), join()];
  world.mob.disconnect(twice.token, "first");
  world.mob.disconnect(silent.token);
  send(world, closed, control(CLOSE));
  for (const { token } of [twice, silent, closed]) world.mob.disconnect(token, "second");
  world.run();
  assertEquals(world.departures.map(({ reason, detail }) => [reason, detail]), [
    ["disconnected", "first"],
    ["disconnected", undefined],
    ["disconnected", "second"],
  ]);
});

test("echo others: a sender is read again once its own frames are stepped over, before its socket takes another byte", async () => {
  const { world, join } = await open({ echo: "others", maxLag: 1000 });
  const [tcp, plain] = [world.join(), join()];
  plain.socket.room = 0;
  send(world, plain, control(PING));
  // Its own frames lie behind a pong that its socket does not take, so they count as lag.
  for (let count = 0; count < 3; count++) send(world, plain, message("x".repeat(240)));
  world.say(tcp, "of another");
  send(world, plain, message("and one more"));
  assertEquals([world.mob.stats().published.frames, world.mob.connections()[0]!.paused], [4, true]);
  world.makeRoom(plain.socket, plain.token, 2);
  world.run();
  const [row] = world.mob.connections();
  assertEquals([world.mob.stats().published.frames, row!.paused, row!.delivered.frames], [5, false, 0]);
});

test("what came of a request counts as receive memory, until the handshake is over", async () => {
  const { world, come } = await open();
  const member = come();
  send(world, member, upgradeRequest().subarray(0, 100));
  assert(world.mob.stats().receiveBytes >= 100, `${world.mob.stats().receiveBytes}`);
  send(world, member, upgradeRequest().subarray(100));
  assertEquals([received(member.socket).status, world.mob.stats().receiveBytes], [101, 0]);
});

test("a WebSocket listener in a mob of another framing makes only the feeds of its clients", async () => {
  const { world, join } = await open({ framing: "line" });
  const names = (): string[] => world.mob.stats().feeds.map(({ framing }) => framing);
  assertEquals(names(), ["line"]);
  join();
  join(true);
  assertEquals(names(), ["line", "websocket", "mobcast.u64"]);
});

test("block: a client that leaves and takes no more than what it had to receive holds nobody back", async () => {
  const { world, join } = await open({ slowConsumer: "block", maxLag: 1000 });
  const [tcp, leaving] = [world.join(), join()];
  leaving.socket.room = 0;
  send(world, leaving, control(CLOSE));
  const texts = Array.from({ length: 40 }, (_, index) => `${"x".repeat(92)}${index}`);
  for (const text of texts) world.say(tcp, text);
  assertEquals(tcp.socket.texts.length, 40);
  world.makeRoom(leaving.socket, leaving.token, Infinity);
  world.run();
  assertEquals(received(leaving.socket).frames, ["close:1000:"]);
});

test("block: a client that leaves behind a pong that its socket does not take holds nobody back", async () => {
  const { world, join } = await open({ slowConsumer: "block", maxLag: 1000 });
  const [tcp, leaving] = [world.join(), join()];
  leaving.socket.room = 0;
  send(world, leaving, control(PING, bytesOf("?")));
  send(world, leaving, control(CLOSE));
  const texts = Array.from({ length: 40 }, (_, index) => `${"x".repeat(92)}${index}`);
  for (const text of texts) world.say(tcp, text);
  assertEquals(tcp.socket.texts.length, 40);
  world.makeRoom(leaving.socket, leaving.token, Infinity);
  world.run();
  assertEquals(received(leaving.socket).frames, ["pong:?", "close:1000:"]);
});
