/** WebSocket listeners on scripted sockets: moments that the simulation has found. */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { WRITABLE } from "../../src/contract/adapter.ts";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { upgradeRequest } from "../helpers/websocket_stream.ts";
import { CLOSE, control, message, open, PING, received, send } from "../helpers/scripted_websockets.ts";

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
