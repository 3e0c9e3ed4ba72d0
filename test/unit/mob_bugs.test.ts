/** The twenty defects of the ancestor, each as a case that ours must pass, by its number. */

import { test } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { ERROR, HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { Log } from "../../src/broadcast/log.ts";
import { indexOf } from "../../src/contract/token.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { World } from "../helpers/scripted_server.ts";

test("M1: a header that comes byte by byte is a header", async () => {
  const world = await World.open();
  const [sender, listener] = [world.join(), world.join()];
  for (const byte of frameOf("hello")) {
    sender.socket.incoming.push(new Uint8Array([byte]));
    world.ready(sender.token, READABLE);
    world.run();
  }
  assertEquals([sender.socket.texts, listener.socket.texts, world.reasons], [["hello"], ["hello"], []]);
});

test("M2: a payload split anywhere is a payload", async () => {
  const frame = frameOf("a payload of some bytes");
  for (let split = 1; split < frame.length; split++) {
    const world = await World.open();
    const { socket, token } = world.join();
    socket.incoming.push(frame.slice(0, split));
    world.ready(token, READABLE);
    world.run();
    assertEquals(socket.received.length, 0);
    socket.incoming.push(frame.slice(split));
    world.ready(token, READABLE);
    world.run();
    assertEquals(socket.texts, ["a payload of some bytes"]);
  }
});

test("M3: an end of stream at a frame boundary is an ordinary end", async () => {
  const world = await World.open();
  const { socket, token } = world.join();
  socket.incoming.push(frameOf("bye"), null);
  world.ready(token, READABLE);
  world.run();
  assertEquals([socket.texts, socket.shutdowns], [["bye"], 1]);
  world.ready(token, HUP);
  world.run();
  assertEquals(world.reasons, ["end"]);
});

test("M4: a length bomb removes its sender and no other connection", async () => {
  const world = await World.open();
  const [bomber, listener] = [world.join(), world.join()];
  bomber.socket.incoming.push(new Uint8Array(8).fill(0xff));
  world.ready(bomber.token, READABLE);
  world.run();
  assertEquals([world.reasons, bomber.socket.closes], [["frame-too-large"], 1]);
  world.say(listener, "still here");
  assertEquals(listener.socket.texts, ["still here"]);
});

test("M5: nothing is sent that was not written: a run ends where the log does", () => {
  const log = new Log();
  const frame = frameOf("x");
  log.append(frame, 0, frame.length, 1);
  assertEquals(log.read(0), frame);
});

test("M6: frames behind a frame of length 0 are handled in the same tick", async () => {
  const world = await World.open();
  const { socket, token } = world.join();
  socket.incoming.push(concat(frameOf(""), frameOf("one"), frameOf(""), frameOf("two")));
  world.ready(token, READABLE);
  assertEquals(world.run(), 1);
  assertEquals([socket.texts, world.mob.stats().pings], [["one", "two"], 2]);
});

test("M7: a write error to one receiver removes it, not the sender, and the broadcast goes on", async () => {
  const world = await World.open();
  const [sender, broken, last] = [world.join(), world.join(), world.join()];
  broken.socket.write = () => {
    broken.socket.error = new Error("EPIPE");
    world.ready(broken.token, ERROR);
    return 0;
  };
  world.say(sender, "hello");
  assertEquals([sender.socket.texts, last.socket.texts], [["hello"], ["hello"]]);
  assertEquals(world.departures.map(({ token, reason }) => [token, reason]), [[broken.token, "reset"]]);
});

test("M8: a slow reader that never writes receives everything once it can take it", async () => {
  const world = await World.open();
  const [sender, slow] = [world.join(), world.join()];
  slow.socket.room = 5;
  world.say(sender, "one", "two", "three");
  assertEquals(slow.socket.received.length, 5);
  while (slow.socket.received.length < sender.socket.received.length) {
    world.makeRoom(slow.socket, slow.token, 3);
    assertGreater(world.run(), 0);
  }
  assertEquals(slow.socket.texts, ["one", "two", "three"]);
});

test("M9: a spurious WRITABLE does nothing", async () => {
  const world = await World.open();
  const { socket, token } = world.join();
  for (let count = 0; count < 3; count++) {
    world.ready(token, WRITABLE);
    world.run();
  }
  assertEquals([socket.offers, world.reasons], [[], []]);
  world.say({ socket, token }, "still here");
  assertEquals(socket.texts, ["still here"]);
});

test("M10: at the cap incoming connections are refused, and accepted again when there is room", async () => {
  const world = await World.open({ maxConnections: 2 });
  const [first, second] = [world.join(), world.join()];
  assertEquals([world.come().token, world.come().token], [undefined, undefined]);
  assertEquals(world.mob.stats().closed.refused, 2);
  world.ready(first.token, HUP);
  world.run();
  const incoming = world.join();
  world.say(incoming, "in");
  assertEquals([second.socket.texts, incoming.socket.texts], [["in"], ["in"]]);
});

test("M11: a failing accept is counted, waited for longer and longer, and forgotten at the next success", async () => {
  const world = await World.open();
  const full = Object.assign(new Error("too many open files"), { code: "EMFILE" });
  const gone = Object.assign(new Error("aborted"), { code: "ECONNABORTED" });
  /** How long the listener waits after a failure. */
  const waitAfter = async (error: Error): Promise<number> => {
    const before = world.adapter.now();
    let over = false;
    void world.registry.acceptFailed(error).then(() => over = true);
    for (await Promise.resolve(); !over; await Promise.resolve()) world.adapter.advance(1);
    return world.adapter.now() - before;
  };
  const waits: number[] = [];
  for (let count = 0; count < 9; count++) waits.push(await waitAfter(full));
  assertEquals(waits.map((wait) => Math.round(wait / 10) * 10), [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
  assertEquals(await waitAfter(gone), 0);
  const { socket, token } = world.join();
  world.say({ socket, token }, "in");
  assertEquals([socket.texts, world.mob.stats().acceptFailures], [["in"], 10]);
  assert(await waitAfter(full) < 20);
  // A connection that leaves frees a descriptor: no reason to wait any longer.
  const waiting = world.registry.acceptFailed(full);
  world.ready(token, HUP);
  world.run();
  await waiting;
  assertEquals(world.adapter.timers, 0);
});

test("M12: frames and the end of stream in one segment are all published, then it is the end", async () => {
  const world = await World.open();
  const [leaving, listener] = [world.join(), world.join()];
  leaving.socket.incoming.push(concat(frameOf("one"), frameOf("two")), null);
  world.ready(leaving.token, READABLE | HUP);
  world.run();
  assertEquals([listener.socket.texts, world.reasons], [["one", "two"], ["end"]]);
});

test("M13: whole frames before a reset are published, the torn one is not", async () => {
  const world = await World.open();
  const [leaving, listener] = [world.join(), world.join()];
  leaving.socket.incoming.push(concat(frameOf("one"), frameOf("torn").subarray(0, 10)), null);
  leaving.socket.error = Object.assign(new Error("reset"), { code: "ECONNRESET" });
  world.ready(leaving.token, READABLE | ERROR);
  world.run();
  assertEquals([listener.socket.texts, world.reasons], [["one"], ["reset"]]);
});

test("M14: kinds of readiness that make no sense are ignored", async () => {
  const world = await World.open();
  const { socket, token } = world.join();
  for (const nonsense of [0, 16, 1024, -(2 ** 31)]) world.ready(token, nonsense);
  world.run();
  world.say({ socket, token }, "still here");
  assertEquals([socket.texts, world.reasons], [["still here"], []]);
});

test("M15: an event for a connection that is gone never reaches the incoming connection in its slot", async () => {
  const world = await World.open();
  const [old, listener] = [world.join(), world.join()];
  world.ready(old.token, HUP);
  world.run();
  const young = world.join();
  assertEquals(indexOf(young.token), indexOf(old.token));
  assert(young.token !== old.token, "the token was given again");
  young.socket.incoming.push(frameOf("mine"));
  // In one batch: a stale end for the slot's old occupant, and the incoming connection's first words.
  world.ready(old.token, READABLE | HUP | ERROR);
  world.ready(young.token, READABLE);
  world.run();
  assertEquals([young.socket.texts, listener.socket.texts, young.socket.closes], [["mine"], ["mine"], 0]);
  assertEquals(world.mob.stats().staleEvents, 1);
});

test("M16: listeners have no tokens, so a slab of any size cannot collide with one", async () => {
  const world = await World.open({ maxConnections: 2 ** 20 });
  const tokens = Array.from({ length: 10_000 }, () => world.join().token);
  assertEquals(new Set(tokens).size, tokens.length);
  assertEquals(world.mob.urls.length, 1);
});

test("M17: a stuck reader costs the log up to maxLag, once for all stuck ones, and is then removed", async () => {
  const maxLag = 2 ** 20;
  const world = await World.open({ maxLag });
  const sender = world.join();
  const stuck = Array.from({ length: 50 }, () => world.join());
  for (const { socket } of stuck) socket.room = 0;
  const text = "x".repeat(10_000);
  for (let count = 0; count < 300; count++) {
    world.say(sender, text);
    assert(world.mob.stats().logBytes <= maxLag + 2 * 256 * 1024);
  }
  assertEquals(world.reasons, stuck.map(() => "lagged"));
  assert(stuck.every(({ socket }) => socket.received.length === 0 && socket.closes === 1));
  assertEquals(textsOf(sender.socket.received).length, 300);
});

test("M18: a publisher that always has more does not keep the others waiting", async () => {
  const world = await World.open();
  const [greedy, modest] = [world.join(), world.join()];
  const chunk = concat(...Array.from({ length: 1000 }, () => frameOf("spam")));
  greedy.socket.read = () => chunk;
  modest.socket.incoming.push(frameOf("ham"));
  world.ready(greedy.token, READABLE);
  world.ready(modest.token, READABLE);
  // One tick: the greedy one's budget ends, the modest one is served, and both receive the new frames.
  world.adapter.run(1);
  const received = modest.socket.texts;
  assertEquals(received[received.length - 1], "ham");
  assert(received.length < 40_000, `${received.length} frames of one publisher in one tick`);
});

test("M19: a tick that no event asked for is legal and does nothing", async () => {
  const world = await World.open();
  const [sender, slow] = [world.join(), world.join()];
  slow.socket.room = 0;
  world.say(sender, "hello");
  world.makeRoom(slow.socket, slow.token, Infinity);
  world.run();
  const { ticks: ticks } = world.mob.stats();
  // What a signal or a spurious wake-up comes to: the timer of a deadline that was cleared. Signals: cli_e2e.test.ts.
  world.adapter.advance(60_000);
  assertEquals(world.mob.stats().ticks, ticks + 1);
  assertEquals([slow.socket.texts, world.reasons], [["hello"], []]);
});

test("M20: a write that stops at any byte of the header or payload goes on from there", async () => {
  const whole = concat(frameOf("first"), frameOf("second"));
  for (let stop = 0; stop <= whole.length; stop++) {
    const world = await World.open();
    const [sender, slow] = [world.join(), world.join()];
    slow.socket.room = stop;
    world.say(sender, "first", "second");
    assertEquals(slow.socket.received, whole.subarray(0, stop));
    world.makeRoom(slow.socket, slow.token, Infinity);
    world.run();
    assertEquals(slow.socket.texts, ["first", "second"]);
  }
});
