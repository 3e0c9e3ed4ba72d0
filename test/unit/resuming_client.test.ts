/** Clients that resume their streams: on a network in memory whose clock is driven by hand. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import { serve } from "../../mod.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import type { ConnectOptions } from "../../src/client/connect.ts";
import type { Client } from "../../src/client/client.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import type { Mob } from "../../src/server/mob.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { textOf } from "../helpers/bytes.ts";
import { settle } from "../helpers/settle.ts";

const URL = "tcp://127.0.0.1:7000?resume=true";

/** What a client was given, in order: messages, and gaps. */
type Told = string | { readonly bytes: number | undefined };

/** A mob and a client that resumes, on a network in memory. */
class World {
  readonly adapter: MemoryAdapter;
  readonly told: Told[] = [];
  readonly published: string[] = [];
  readonly changes: string[] = [];
  mob!: Mob;
  client!: Client;
  failure: unknown;
  readonly #options: MobOptions;
  #iterator!: AsyncIterator<Uint8Array>;
  #waiting = false;

  constructor(options: MobOptions = {}, capacity = 1000) {
    this.adapter = memoryAdapter({ manual: true, capacity });
    this.#options = { history: 1000, maxLag: 4000, maxFrame: 400, ...options };
  }

  /** A mob, and a client that has joined it. */
  static async open(): Promise<World> {
    const world = new World();
    await world.up();
    await world.connect();
    return world;
  }

  async up(url = URL): Promise<void> {
    this.mob = await serve({ adapter: this.adapter, listen: url, ...this.#options });
  }

  async down(): Promise<void> {
    const closed = this.mob.close({ drain: 0 });
    await settle(this.adapter);
    await closed;
  }

  async connect(options: ConnectOptions = {}): Promise<void> {
    this.client = await connect(URL, {
      adapter: this.adapter,
      reconnect: {
        maxDelay: 10,
        onGap: ({ bytes }) => void this.told.push({ bytes }),
        onChange: ({ kind }) => void this.changes.push(kind),
      },
      ...options,
    });
    this.#iterator = this.client[Symbol.asyncIterator]();
    await settle(this.adapter);
  }

  /** The mob publishes a message that begins with its number. */
  publish(length = 10): void {
    const text = `${this.published.length} `.padEnd(length, "x");
    this.published.push(text);
    this.mob.publish(text);
  }

  /** The application takes up to so many messages, as far as there are any. */
  async take(count = Infinity): Promise<void> {
    for (let left = count; left > 0; left--) {
      if (this.#waiting) await settle(this.adapter);
      if (this.#waiting) break;
      let came = false;
      this.#waiting = true;
      const next = this.#iterator.next().then(
        ({ value, done }) => {
          came = true;
          this.#waiting = done === true;
          if (!done) this.told.push(textOf(value));
        },
        (error: unknown) => this.failure = error,
      );
      void next;
      for (let round = 0; round < 3 && !came; round++) await settle(this.adapter);
      if (!came) break;
    }
  }

  /** All connections of the mob end, with what is pending for them. */
  async cut(): Promise<void> {
    for (const { token } of this.mob.connections()) this.mob.disconnect(token);
    await settle(this.adapter);
  }

  /** Long enough to connect again. */
  async pass(milliseconds = 20): Promise<void> {
    this.adapter.advance(milliseconds);
    await settle(this.adapter);
  }

  async end(): Promise<void> {
    void this.client.close({ timeout: 0 });
    await this.down();
    await this.client.closed;
  }
}

test("a client that was cut off receives every message once, and is told of no gap", async () => {
  const world = await World.open();
  for (let round = 0; round < 5; round++) {
    world.publish();
    await settle(world.adapter);
    await world.cut();
    for (let count = 0; count < 5; count++) world.publish();
    await world.pass();
    await world.take();
  }
  assertEquals(world.told, world.published);
  assertEquals(world.changes.filter((kind) => kind === "reconnected").length, 5);
  assertEquals(world.mob.stats().replayed.frames, 25);
  await world.end();
});

test("one that was away for too long is told exactly how many bytes are missing, in their place", async () => {
  const world = await World.open();
  world.publish(92);
  await world.take();
  await world.cut();
  for (let count = 0; count < 25; count++) world.publish(92);
  await world.pass();
  world.publish(92);
  await world.take();
  assertEquals(world.told, [world.published[0]!, { bytes: 1500 }, ...world.published.slice(16)]);
  await world.end();
});

test("a mob that has started again has begun another stream: what is missing is not known", async () => {
  const world = await World.open();
  world.publish();
  await world.take();
  await world.down();
  await world.up();
  world.publish();
  await world.pass();
  world.publish();
  await world.take();
  assertEquals(world.told, [world.published[0]!, { bytes: undefined }, ...world.published.slice(1)]);
  await world.end();
});

test("messages that the application has not taken come first, and none comes twice", async () => {
  const world = await World.open();
  // The iterator stays at the first connection while later ones come and go.
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 3; count++) world.publish();
    await settle(world.adapter);
    if (round === 2) await world.take(1);
    await world.cut();
    await world.pass();
  }
  await world.take();
  assertEquals(world.told, world.published);
  await world.end();
});

test("what the next connection brings again is not taken while that one is being made", async () => {
  const world = new World();
  await world.up();
  const { adapter } = world;
  let open: () => void = () => {};
  let gate: Promise<void> | undefined;
  const gated: Adapter = {
    ...adapter,
    async connect(...to) {
      await gate;
      await adapter.connect(...to);
    },
  };
  await world.connect({ adapter: gated });
  // The iterator stays at the first connection, and the second receives messages that nobody has taken.
  for (let round = 0; round < 2; round++) {
    world.publish();
    await settle(adapter);
    await world.cut();
    if (round === 1) gate = new Promise((resolve) => open = resolve);
    await world.pass();
  }
  await world.take();
  assertEquals(world.told, world.published.slice(0, 1));
  open();
  await world.take();
  assertEquals(world.told, world.published);
  await world.end();
});

test("a gap is told as soon as the mob has said where the stream goes on, though no message comes", async () => {
  const world = await World.open();
  world.publish();
  await world.take();
  await world.down();
  await world.up();
  await world.pass();
  assertEquals(world.told, [world.published[0]!, { bytes: undefined }]);
  await world.end();
});

test("without resume, time without a connection is a gap of unknown bytes", async () => {
  const world = new World();
  await world.up("tcp://127.0.0.1:7000");
  const told: (number | undefined)[] = [];
  const client = await connect("tcp://127.0.0.1:7000", {
    adapter: world.adapter,
    reconnect: { maxDelay: 10, onGap: ({ bytes }) => void told.push(bytes) },
  });
  const messages = client.text();
  await settle(world.adapter);
  await world.cut();
  await world.pass();
  world.publish();
  // What was published before is part of the history.
  const next = messages.next();
  await settle(world.adapter);
  assertEquals([(await next).value, told], ["0 xxxxxxxx", [undefined]]);
  void client.close({ timeout: 0 });
  await world.down();
});

test("a client without reconnect can use a listener that resumes, and one that receives nothing, too", async () => {
  const world = new World();
  await world.up();
  world.publish();
  await world.connect({ reconnect: false });
  const sender = await connect(URL, { adapter: world.adapter, receive: false });
  await sender.send("sent");
  await world.take();
  assertEquals(world.told, ["0 xxxxxxxx", "sent"]);
  void sender.close();
  await world.end();
});

test("at a listener that does not resume the client ends, and connects no second time", async () => {
  for (const reconnect of [false, true]) {
    const world = new World();
    await world.up("tcp://127.0.0.1:7000");
    const client = await connect("tcp://127.0.0.1:7000", { adapter: world.adapter, resume: true, reconnect });
    await settle(world.adapter);
    await world.pass(60_000);
    const { reason, error } = await client.closed;
    assertEquals([reason, error?.code], ["lost", "NO_RESUME"]);
    assertStringIncludes(error!.message, "is this a listener with resume?");
    assertEquals(world.mob.stats().joined, 1);
    await assertRejects(() => client.text().next(), Error, "Cannot resume the stream of tcp://127.0.0.1:7000");
    await world.down();
  }
});

test("a message over the client's maxFrame ends a client that resumes: it would come again each time", async () => {
  const world = new World();
  await world.up();
  await world.connect({ maxFrame: 50 });
  world.publish(60);
  await settle(world.adapter);
  await world.pass(60_000);
  assertEquals((await world.client.closed).error?.code, "FRAME_TOO_LARGE");
  assertEquals(world.mob.stats().joined, 1);
  await world.down();
});

test("resume goes with no WebSocket, with no mob.join(), and with no URL that says otherwise", async () => {
  const adapter = memoryAdapter();
  const wrong: [string, ConnectOptions, string][] = [
    ["ws://127.0.0.1:1", { resume: true }, "over a WebSocket no stream is resumed, leave resume out"],
    ["tcp://127.0.0.1:1?resume=false", { resume: true }, "its URL says resume=false, and the option true"],
    ["tcp://127.0.0.1:1", { resume: "yes" as unknown as boolean }, "Cannot use resume"],
  ];
  for (const [url, options, message] of wrong) {
    const { message: said } = await assertRejects(() => connect(url, { adapter, ...options }), TypeError) as Error;
    assertStringIncludes(said, message);
  }
  await using mob = await serve({ adapter, listen: "tcp://127.0.0.1:7000" });
  const join = (): Promise<unknown> => Promise.resolve().then(() => mob.join({ resume: true } as object));
  await assertRejects(join, TypeError, "Cannot use resume");
});

/** Something that happens. */
type Step =
  | { readonly do: "publish"; readonly length: number }
  | { readonly do: "take"; readonly count: number }
  | { readonly do: "cut" }
  | { readonly do: "pass" }
  | { readonly do: "settle" }
  | { readonly do: "restart" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("publish" as const), length: fc.integer({ min: 8, max: 300 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

/** Fails unless all messages came once and in order, but for those that gaps tell of, exactly. */
function checkTold({ told, published }: World, framing: FramingName): { gaps: number; unknown: number } {
  let [at, gaps, unknown] = [0, 0, 0];
  // How many bytes exact gaps have told since the last message, and whether a gap of unknown length is among them.
  let [missing, unsure] = [0, false];
  for (const entry of told) {
    if (typeof entry === "string") {
      // Counted back from the message: only the message says where a gap of unknown length ends.
      const number = parseInt(entry, 10);
      let from = number;
      while (missing > 0 && from > at) missing -= FRAMINGS[framing].size(published[--from]!.length);
      assertEquals(missing, 0, `the gap before ${number} is other than was told`);
      assert(unsure ? from >= at : from === at, `after ${at}, and gaps down to ${from}`);
      assertEquals(entry, published[number], `after ${at}`);
      [at, unsure] = [number + 1, false];
    } else if (entry.bytes === undefined) {
      unknown++;
      unsure = true;
    } else {
      gaps++;
      assert(entry.bytes > 0, "a gap of nothing");
      missing += entry.bytes;
    }
  }
  assertEquals([at, missing], [published.length, 0], "the last message came");
  return { gaps, unknown };
}

test("whatever breaks, each message comes once and in order, or the gap is told exactly (property)", {
  timeout: 120_000,
}, async () => {
  const seen = { gaps: 0, unknown: 0, replays: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(STEP, { minLength: 5, maxLength: 60 }),
      fc.constantFrom<FramingName>("u64", "u32", "line"),
      fc.constantFrom(15, 40, 1000, 65536),
      fc.boolean(),
      async (steps, framing, capacity, block) => {
        const world = new World({ framing, slowConsumer: block ? "block" : "disconnect" }, capacity);
        await world.up();
        await world.connect({ framing });
        for (const step of steps) {
          if (step.do === "publish") world.publish(step.length);
          else if (step.do === "take") await world.take(step.count);
          else if (step.do === "cut") await world.cut();
          else if (step.do === "pass") await world.pass();
          else if (step.do === "settle") await settle(world.adapter);
          else {
            await world.down();
            await world.up();
          }
        }
        for (let round = 0; round < 5; round++) {
          await world.pass();
          await world.take();
        }
        world.publish();
        for (let round = 0; round < 5; round++) await world.take();
        const { gaps, unknown } = checkTold(world, framing);
        seen.gaps += gaps;
        seen.unknown += unknown;
        seen.replays += world.mob.stats().replayed.frames;
        await world.end();
      },
    ),
    { numRuns: 300 },
  );
  assert(seen.gaps > 0 && seen.unknown > 0 && seen.replays > 0, JSON.stringify(seen));
});
