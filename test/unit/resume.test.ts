/** Listeners whose clients resume: the hello in each direction, every answer to one, and what is refused. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { decodeHello, encodeHello, NO_OFFSET, type StreamOffset } from "../../src/framing/hello.ts";
import { resolveOptions } from "../../src/server/options.ts";
import type { ListenerOptions } from "../../src/server/mob_options.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

/** A frame of 100 bytes. */
const text = (number: number): string => `${number}`.padEnd(92, ".");
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => text(from + index));

interface Opened {
  readonly world: World;
  /** A connection that has said a hello, in parts of `step` bytes. */
  readonly resume: (asked?: StreamOffset, step?: number, rest?: Uint8Array) => Member;
  /** The mob publishes frames with the next numbers. */
  readonly publish: (count: number) => void;
}

/** A mob with a listener that resumes streams. */
async function open(options: MobOptions & MobHooks = {}, listener: ListenerOptions = {}): Promise<Opened> {
  const world = await World.open({ history: 1000, maxLag: 4000, ...options });
  const framing = options.framing ?? "u64";
  const come = await world.listen("tcp://127.0.0.1:0?resume=true", listener);
  let published = 0;
  return {
    world,
    publish: (count) => {
      for (let left = count; left > 0; left--) {
        world.mob.publish(text(published++));
        world.run();
      }
    },
    resume: (asked = NO_OFFSET, step = Infinity, rest = new Uint8Array()) => {
      const member = come();
      const bytes = concat(encodeHello(FRAMINGS[framing], "mob1", asked), rest);
      for (let at = 0; at < bytes.length; at += step) {
        member.socket.incoming.push(bytes.slice(at, Math.min(bytes.length, at + step)));
        world.ready(member.token, READABLE);
        world.run();
      }
      return { ...member, framing };
    },
  };
}

/** The hello that a connection got first, and the texts behind it. */
function heard({ socket, framing = "u64" }: Member): { hello: StreamOffset; texts: string[] } {
  const { received } = socket;
  const length = encodeHello(FRAMINGS[framing], "mob1", NO_OFFSET).length;
  const { header, trailer } = FRAMINGS[framing];
  const hello = decodeHello(FRAMINGS[framing], "MOB1", received.subarray(header, length - trailer));
  assert(hello !== undefined, "no hello");
  return { hello, texts: textsOf(received.subarray(length), framing) };
}

test("a hello is mob1, an epoch and an offset; in line they are hexadecimal digits", () => {
  const position = { epoch: "0a0b0c0d0e0f1011", offset: 0x1_0a_00_00_00_0a };
  const bytes = (...list: number[]): number[] => list;
  const expected = bytes(0x6d, 0x6f, 0x62, 0x31, 10, 11, 12, 13, 14, 15, 16, 17, 0, 0, 1, 10, 0, 0, 0, 10);
  for (const framing of ["u64", "u32", "line"] as const) {
    const frame = encodeHello(FRAMINGS[framing], "mob1", position);
    const { header, trailer } = FRAMINGS[framing];
    const payload = frame.subarray(header, frame.length - trailer);
    if (framing !== "line") assertEquals([...payload], expected);
    else assertEquals(frame, bytesOf("mob10a0b0c0d0e0f10110000010a0000000a\n"));
    assertEquals(decodeHello(FRAMINGS[framing], "mob1", payload), position);
    assertEquals(decodeHello(FRAMINGS[framing], "mob1", payload.subarray(1)), undefined);
    const wrong = payload.slice();
    wrong[3]!++;
    assertEquals(decodeHello(FRAMINGS[framing], "mob1", wrong), undefined);
    assertEquals(decodeHello(FRAMINGS[framing], "MOB1", payload), undefined, "that of a client is no answer");
  }
});

test("a new client is told where its stream begins, and receives the history like any other", async () => {
  for (const framing of ["u64", "u32", "line"] as const) {
    const { world, resume, publish } = await open({ framing });
    publish(15);
    const size = FRAMINGS[framing].size(92);
    const member = resume();
    const { hello, texts } = heard(member);
    const first = 15 - Math.floor(1000 / size);
    assertEquals([hello.offset, texts], [first * size, numbers(first, 15)], framing);
    assert(/^[0-9a-f]{16}$/.test(hello.epoch) && hello.epoch !== NO_OFFSET.epoch);
    publish(1);
    assertEquals(heard(member).texts, numbers(first, 16));
    // The hello is in no account.
    const row = world.mob.connections().find(({ token }) => token === member.token)!;
    assertEquals(row.delivered, { frames: 16 - first, bytes: (16 - first) * size });
  }
});

test("a client that has received a part goes on exactly there, as long as the history holds it", async () => {
  const { resume, publish } = await open();
  publish(30);
  const { epoch } = heard(resume()).hello;
  for (let frames = 20; frames <= 30; frames++) {
    const { hello, texts } = heard(resume({ epoch, offset: frames * 100 }));
    assertEquals([hello, texts], [{ epoch, offset: frames * 100 }, numbers(frames, 30)]);
  }
});

test("one that was away for longer than the history goes on with what there is, and is told from where", async () => {
  const { resume, publish } = await open();
  // The log holds more than the history, up to a segment.
  publish(35);
  const { epoch } = heard(resume()).hello;
  for (const offset of [0, 100, 2000, 2400, 2499]) {
    assertEquals(heard(resume({ epoch, offset })), { hello: { epoch, offset: 2500 }, texts: numbers(25, 35) });
  }
});

test("an offset inside a frame is answered with the next boundary, and no frame is torn", async () => {
  const { resume, publish } = await open();
  publish(30);
  const { epoch } = heard(resume()).hello;
  for (const offset of [2001, 2050, 2099, 2901, 2999]) {
    const boundary = Math.ceil(offset / 100);
    const expected = { hello: { epoch, offset: boundary * 100 }, texts: numbers(boundary, 30) };
    assertEquals(heard(resume({ epoch, offset })), expected);
  }
});

test("another epoch, and an offset that does not exist yet, are answered like a new client's", async () => {
  const { resume, publish } = await open();
  publish(30);
  const { epoch } = heard(resume()).hello;
  const other = { epoch: "00000000000000ff", offset: 2500 };
  for (const asked of [other, { epoch, offset: 3001 }, { epoch, offset: 2 ** 63 }, { ...NO_OFFSET, offset: 2500 }]) {
    assertEquals(heard(resume(asked)), { hello: { epoch, offset: 2000 }, texts: numbers(20, 30) });
  }
  const again = await open();
  again.publish(30);
  assert(heard(again.resume()).hello.epoch !== epoch, "another mob has another epoch");
});

test("the hello comes in parts and behind pings and the secret; what is behind it is published", async () => {
  for (const step of [1, 2, 7, 28, Infinity]) {
    const { world, publish, resume } = await open();
    publish(1);
    const witness = world.join();
    const member = resume(NO_OFFSET, step, frameOf("said behind it"));
    world.run();
    assertEquals(heard(member).texts, [text(0), "said behind it"], `${step}`);
    assertEquals(witness.socket.texts.at(-1), "said behind it");
  }
  const { world } = await open();
  const come = await world.listen("tcp://127.0.0.1:0", { resume: true, secret: "the secret" });
  const member = come();
  const hello = encodeHello(FRAMINGS.u64, "mob1", NO_OFFSET);
  member.socket.incoming.push(concat(frameOf(""), frameOf("the secret"), frameOf(""), hello, frameOf("hi")));
  world.ready(member.token, READABLE);
  world.run();
  assertEquals(heard(member).texts, ["hi"]);
});

test("the stream begins where the log ends when the connection joins, not where it ended when the hello came", async () => {
  const answers: (() => void)[] = [];
  const authorize = (): Promise<boolean> => new Promise((resolve) => answers.push(() => resolve(true)));
  const { world, resume, publish } = await open({ authorize, history: 100 });
  publish(3);
  const late = resume();
  publish(4);
  assertEquals(late.socket.received.length, 0, "told before it has joined");
  for (const answer of answers) answer();
  for (let round = 0; round < 5; round++) await Promise.resolve();
  world.run();
  assertEquals(heard(late), { hello: { epoch: heard(late).hello.epoch, offset: 600 }, texts: numbers(6, 7) });
});

test("a client that says no hello never joins", async () => {
  const { world } = await open();
  const come = await world.listen("tcp://127.0.0.1:0?resume=true");
  const wrong: (Uint8Array | null)[][] = [
    [frameOf("hello")],
    [frameOf("x".repeat(20))],
    [frameOf("mob2".padEnd(20))],
    [frameOf("x".repeat(21)).subarray(0, 8)],
    [encodeHello(FRAMINGS.u64, "mob1", NO_OFFSET).subarray(0, 27), null],
  ];
  for (const bytes of wrong) {
    const { socket, token } = come();
    socket.incoming.push(...bytes);
    world.ready(token, bytes.includes(null) ? READABLE | HUP : READABLE);
    world.run();
    assertEquals([socket.closes, socket.received.length], [1, 0]);
  }
  const { closed, connections, joined } = world.mob.stats();
  assertEquals([connections, joined, closed["handshake-failed"] + closed.unauthorized], [0, 0, wrong.length]);
});

test("a socket that is full at first gets the hello, then the frames", async () => {
  const { world, publish, resume } = await open();
  publish(5);
  const { epoch } = heard(resume()).hello;
  for (const room of [0, 1, 27, 28, 29, 130]) {
    const come = await world.listen("tcp://127.0.0.1:0?resume=true");
    const member = come();
    member.socket.room = room;
    member.socket.incoming.push(encodeHello(FRAMINGS.u64, "mob1", { epoch, offset: 300 }));
    world.ready(member.token, READABLE);
    world.run();
    assertEquals(member.socket.received.length, room);
    world.makeRoom(member.socket, member.token, Infinity);
    world.run();
    assertEquals(heard(member), { hello: { epoch, offset: 300 }, texts: numbers(3, 5) });
  }
});

test("clients of other listeners of the mob see no change", async () => {
  const { world, publish, resume } = await open();
  const plain = world.join();
  resume();
  publish(2);
  assertEquals(plain.socket.texts, numbers(0, 2));
});

test("its URL says that a listener resumes; the option of the mob and that of the listener do, too", async () => {
  const world = await World.open({ history: 1000, maxLag: 4000, resume: true });
  await world.mob.listen("tcp://127.0.0.1:0?resume=false");
  await world.mob.listen("tcp://127.0.0.1:0", { resume: false });
  await world.mob.listen("tcp://127.0.0.1:0?framing=u64&resume=true", { resume: true });
  assertEquals(world.mob.urls.map((url) => url.split("?")[1]), ["resume=true", undefined, undefined, "resume=true"]);
});

test("what resuming cannot go with is refused by name", async () => {
  const options: [MobOptions, string][] = [
    [{}, "Cannot use resume true: history is 0, and nothing could be resumed: set it to some bytes"],
    [
      { history: 9, echo: "others" },
      "Cannot use resume true: echo is others, and connections leave out what they have sent: use all",
    ],
    [
      { history: 9, slowConsumer: "skip" },
      "Cannot use resume true: slowConsumer is skip, and connections may miss frames: use disconnect or block",
    ],
  ];
  for (const [given, message] of options) {
    await assertRejects(
      () => Promise.resolve().then(() => resolveOptions({ ...given, resume: true })),
      TypeError,
      message,
    );
    const world = await World.open(given);
    await assertRejects(() => world.mob.listen("tcp://127.0.0.1:0?resume=true"), TypeError, message);
  }
  const world = await World.open({ history: 9 });
  const listeners: [string, ListenerOptions, string][] = [
    [
      "tcp://127.0.0.1:0?framing=line",
      { resume: true },
      "Cannot use resume true: the framing is line, and offsets count in that of the mob, u64",
    ],
    [
      "ws://127.0.0.1:0",
      { resume: true },
      "Cannot use resume true: ws://127.0.0.1:0 is a WebSocket listener, which resumes no stream",
    ],
    ["ws://127.0.0.1:0?resume=true", {}, "a WebSocket listener resumes no stream: leave ?resume= out"],
    ["tcp://127.0.0.1:0?resume=false", { resume: true }, "its URL says resume=false, and the option true"],
    ["tcp://127.0.0.1:0?resume=yes", {}, 'resume "yes" is one of true, false'],
    ["tcp://127.0.0.1:0?resume=true&resume=true", {}, "its query can only be"],
    ["tcp://127.0.0.1:0", { resume: 1 as unknown as boolean }, "Cannot use resume 1"],
  ];
  for (const [url, given, message] of listeners) {
    await assertRejects(() => world.mob.listen(url, given), TypeError, message);
  }
});

test("whatever is asked, what is received from the answer on is the rest of the stream (property)", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 40 });
  const framing = fc.constantFrom<FramingName>("u64", "u32", "line");
  await fc.assert(
    fc.asyncProperty(
      sizes,
      framing,
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 0, max: 6000 }),
      async (lengths, name, history, asked) => {
        const { world, resume } = await open({ framing: name, history });
        const stream: Uint8Array[] = [];
        for (const [index, length] of lengths.entries()) {
          const message = String.fromCharCode(97 + index % 26).repeat(length);
          world.mob.publish(message);
          stream.push(frameOf(message, name));
          world.run();
        }
        const all = concat(...stream);
        const boundaries = stream.reduce((ends, frame) => [...ends, ends.at(-1)! + frame.length], [0]);
        const { epoch } = heard(resume()).hello;
        const member = resume({ epoch, offset: asked });
        const { hello } = heard(member);
        const first = boundaries.find((boundary) => boundary >= all.length - history)!;
        const expected = asked > all.length || asked < first
          ? first
          : boundaries.find((boundary) => boundary >= asked)!;
        assertEquals(hello, { epoch, offset: expected });
        const length = encodeHello(FRAMINGS[name], "mob1", NO_OFFSET).length;
        assertEquals(member.socket.received.subarray(length), all.subarray(expected));
      },
    ),
    { numRuns: 300 },
  );
});
