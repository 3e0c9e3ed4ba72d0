/** WebSocket listeners on scripted sockets: handshakes, and who is refused. */

import { test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WRITABLE } from "../../src/contract/adapter.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import type { Member } from "../helpers/scripted_server.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";
import { control, message, open, PING, received, send } from "../helpers/scripted_websockets.ts";

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
