/** Common offsets: a client resumes its stream at another mob of the bus, and misses nothing, or is told exactly. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memoryAdapter, splitmix32 } from "../../adapters/memory.ts";
import { serve } from "../../mod.ts";
import { RUN_HEADER, writeRunHeader } from "../../src/bus/batch.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { CommonOffsets } from "../../src/bus/common_offsets.ts";
import { wrap } from "../../src/bus/envelope.ts";
import { SharedChannel } from "../../src/bus/shared_channel.ts";
import { shareMemory } from "../../src/bus/shared_ring.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { type Adapter, READABLE, type Socket } from "../../src/contract/adapter.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { decodeHello, encodeHello, NO_OFFSET, type Numbering, type StreamOffset } from "../../src/framing/hello.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { World } from "../helpers/scripted_server.ts";
import { Bus, heard, type Mob } from "../helpers/offsets_bus.ts";

/** A client on a network in memory, which runs by itself. */
class PlainMemoryClient {
  readonly #adapter: Adapter;
  #socket: Socket | undefined;
  #received: Uint8Array = new Uint8Array();

  constructor(adapter: Adapter) {
    this.#adapter = adapter;
  }

  /** Connects, and says its place. */
  async resume(asked: StreamOffset): Promise<void> {
    const accept = (socket: Socket): Token => {
      this.#socket = socket;
      return tokenOf(0, 1);
    };
    const address = { transport: "tcp", host: "127.0.0.1", port: 7000 } as const;
    await this.#adapter.connect(address, { accept, ready: () => {}, acceptFailed: () => Promise.resolve() });
    this.#socket!.write(encodeHello(FRAMINGS.u64, "mob1", asked));
  }

  /** What it was told, when it has received so many messages. */
  async heard(count: number): Promise<{ begins: StreamOffset; texts: string[] }> {
    for (;;) {
      for (let chunk = this.#socket!.read(); chunk; chunk = this.#socket!.read()) {
        this.#received = concat(this.#received, chunk);
      }
      const texts = this.#received.length > 28 ? textsOf(this.#received.subarray(28)) : [];
      if (texts.length >= count) {
        return { begins: decodeHello(FRAMINGS.u64, "MOB1", this.#received.subarray(8, 28))!, texts };
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

test("mobs that were there from the beginning count alike, and a client goes on at any of them", async () => {
  const bus = new Bus();
  const [one, other] = [await bus.add(), await bus.add()];
  await bus.publish(one, 20, 30, 40);
  await bus.publish(other, 50);
  const { place } = heard(await bus.resume(one));
  await bus.publish(other, 60);
  await bus.publish(one, 70);
  const again = heard(await bus.resume(other, place));
  assertEquals([again.begins, again.texts], [place, bus.published.slice(4)]);
  const third = heard(await bus.resume(one, again.place));
  assertEquals([third.begins, third.texts], [again.place, []]);
});

test("a mob that joins later learns how the others count from what it reads back, or from what they send", async () => {
  for (const history of [1000, 60]) {
    const bus = new Bus();
    const old = await bus.add();
    await bus.publish(old, 20, 30, 40, 50, 60);
    const { place } = heard(await bus.resume(old));
    await bus.publish(old, 61);
    const young = await bus.add({ history });
    // What says where its mob was in what the young one has read: the next one, where that has read little.
    if (history === 60) await bus.publish(old, 62, 63);
    const { begins, texts } = heard(await bus.resume(young, place));
    assertEquals(begins.epoch, place.epoch, `${history}`);
    assertEquals(texts, bus.published.slice(bus.published.length - texts.length));
    const missing = bus.published.slice(5, bus.published.length - texts.length);
    assertEquals(begins.offset - place.offset, missing.reduce((sum, text) => sum + 8 + text.length, 0));
    if (history === 1000) assertEquals(missing.length, 0);
  }
});

test("the threads of a process count alike", async () => {
  const memory = shareMemory(2, "a life", 2 ** 16);
  const bus = new Bus();
  for (const thread of [0, 1]) {
    const relay = busRelay(new SharedChannel(memory, thread));
    const world = await World.open({ history: 1000, maxLag: 4000, maxFrame: 200, ...{ relay } as MobOptions });
    const come = await world.listen("tcp://127.0.0.1:0?resume=true");
    bus.mobs.push({ world, stream: bus.engine.stream(), come });
  }
  const [one, other] = bus.mobs as [Mob, Mob];
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      await bus.settle();
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  await bus.publish(one, 20, 30);
  await settled();
  const { place, texts } = heard(await bus.resume(one));
  assertEquals(texts, bus.published);
  await bus.publish(other, 40, 50);
  await settled();
  const again = heard(await bus.resume(other, place));
  assertEquals([again.begins, again.texts], [place, bus.published.slice(2)]);
  for (const { world } of bus.mobs) {
    void world.mob.close({ drain: 0 });
    await settled();
    await world.mob.closed;
  }
});

test("a fresh mob has the history of the bus: it reads it back", async () => {
  const bus = new Bus();
  const old = await bus.add();
  await bus.publish(old, ...Array.from({ length: 30 }, () => 92));
  const young = await bus.add();
  const plain = young.world.join();
  await bus.settle();
  assertEquals(plain.socket.texts, bus.published.slice(-10));
});

test("a fresh mob opens its listeners when it has read the past: a client that comes at once goes on there", async () => {
  const bus = new Bus();
  const old = await bus.add();
  await bus.publish(old, 50, 50);
  const { place } = heard(await bus.resume(old));
  await bus.publish(old, 50, 50, 50);
  const stream = bus.engine.stream();
  stream.isLate = true;
  const relay = busRelay(new StreamChannel(stream, { clock: { after: () => () => {} }, random: splitmix32(7) }));
  const listen = "tcp://127.0.0.1:7000?resume=true";
  await using mob = await serve({ adapter: memoryAdapter(), listen, relay, history: 1000, maxFrame: 200 });
  const client = new PlainMemoryClient(mob.adapter);
  await client.resume(place);
  const { begins, texts } = await client.heard(3);
  assertEquals([begins, texts], [place, bus.published.slice(2)]);
});

test("a mob that has missed something counts anew, until another one tells it how to; what is missing is told", async () => {
  const bus = new Bus();
  const [one, other] = [await bus.add(), await bus.add()];
  await bus.publish(one, 20, 30);
  const { place } = heard(await bus.resume(one));
  other.stream.skip(2);
  await bus.publish(one, 40, 50, 60);
  assertEquals(other.world.reasons, []);
  // Nobody has said yet where it was behind the gap.
  const unknown = heard(await bus.resume(other, place));
  assert(unknown.begins.epoch !== place.epoch);
  assertEquals(unknown.texts, bus.published.slice(4), "what was published before the gap is no past of what comes");
  await bus.publish(one, 70, 80);
  const known = heard(await bus.resume(other, place));
  const missing = bus.published.slice(2, bus.published.length - known.texts.length);
  assertEquals(known.begins, {
    epoch: place.epoch,
    offset: place.offset + missing.reduce((sum, text) => sum + 8 + text.length, 0),
  });
  assertEquals(known.texts, bus.published.slice(-known.texts.length));
  assert(missing.length >= 2 && known.texts.length > 0);
  // A client that counts in the way of the mob itself goes on there.
  assertEquals(heard(await bus.resume(other, unknown.place)).begins, unknown.place);
});

test("offsets count what the framing of the mobs carries, whatever the framing of the sender", async () => {
  const bus = new Bus({ framing: "line" });
  const [one, other] = [await bus.add(), await bus.add({ history: 900 })];
  const u64 = await one.world.listen("tcp://127.0.0.1:0?framing=u64");
  const sender = u64();
  sender.socket.incoming.push(concat(...["a", "two\nlines", "b", "ccc"].map((text) => frameOf(text))));
  one.world.ready(sender.token, READABLE);
  await bus.settle();
  const hello = async (mob: Mob, asked: StreamOffset): Promise<string> => {
    const member = mob.come();
    member.socket.incoming.push(encodeHello(FRAMINGS.line, "mob1", asked));
    mob.world.ready(member.token, READABLE);
    await bus.settle();
    return new TextDecoder().decode(member.socket.received);
  };
  const first = await hello(one, NO_OFFSET);
  const epoch = first.slice(4, 20);
  assertEquals(first, `MOB1${epoch}${"0".repeat(16)}\na\nb\nccc\n`);
  assertEquals(await hello(other, { epoch, offset: 4 }), `MOB1${epoch}${"4".padStart(16, "0")}\nccc\n`);
  // What a mob says of its place counts the same: one that joins now learns how the others count from that.
  let young = other;
  for (const text of ["d", "e", "f"]) {
    one.world.mob.publish(text);
    await bus.settle();
    // It reads back the last message, and not what was sent first.
    if (text === "d") young = await bus.add({ history: 1 });
  }
  assertEquals(await hello(young, { epoch, offset: 14 }), `MOB1${epoch}${"e".padStart(16, "0")}\n`);
});

test("two that differ in one way of counting both begin anew: nobody is told what may be wrong", () => {
  const source = { carried: 0, numberings: [] as Numbering[] };
  const offsets = new CommonOffsets(source);
  offsets.begin(0, "a life");
  const [{ epoch }] = source.numberings as [Numbering];
  source.carried = 100;
  offsets.passed(1);
  offsets.told({ sequence: 1, epoch, offset: 100 });
  assertEquals(source.numberings, [{ epoch, base: 0, from: 0 }]);
  offsets.told({ sequence: 1, epoch, offset: 101 });
  assertEquals(source.numberings.length, 1);
  assert(source.numberings[0]!.epoch !== epoch);
  assertEquals(offsets.here, undefined);
});

test("a mob that differs from others counts alone, also what it has published since it has missed something", async () => {
  const source = { carried: 0, numberings: [] as Numbering[] };
  const offsets = new CommonOffsets(source);
  const differ = (sequence: number): void => {
    offsets.passed(sequence);
    const { epoch } = source.numberings[0]!;
    offsets.told({ sequence, epoch, offset: source.carried + 1 });
  };
  offsets.begin(0, "a life");
  source.carried = 100;
  differ(1);
  assertEquals(source.numberings.map(({ from }) => from), [0]);
  offsets.missed();
  source.carried = 150;
  differ(2);
  assertEquals(source.numberings.map(({ from }) => from), [100]);
  // A client that comes then gets its hello, and the past.
  const bus = new Bus();
  const mob = await bus.add();
  await bus.publish(mob, 20, 20);
  const { begins, place } = heard(await bus.resume(mob));
  assertEquals(begins.offset, 0);
  const frame = frameOf("from another mob");
  const batch = new Uint8Array(RUN_HEADER + frame.length);
  writeRunHeader(batch, 0, FRAMINGS.u64, 1, frame.length);
  batch.set(frame, RUN_HEADER);
  const envelope = { node: "00000000000000aa", number: 1, start: 0, isLast: true, sequence: 2 };
  bus.engine.put(wrap({ ...envelope, epoch: place.epoch, offset: place.offset + 1 }, "u64", batch));
  await bus.settle();
  const next = heard(await bus.resume(mob));
  assertEquals(next.texts, [...bus.published, "from another mob"]);
  assert(next.begins.epoch !== begins.epoch);
});

test("only mobs that read a stream from its beginning count alike by themselves", () => {
  const epochs = ([[0, "a life"], [0, "a life"], [0, "another life"], [7, "a life"], [7, "a life"]] as const).map(
    ([sequence, life]) => {
      const source = { carried: 0, numberings: [] as Numbering[] };
      new CommonOffsets(source).begin(sequence, life);
      return source.numberings[0]!.epoch;
    },
  );
  assertEquals([epochs[0] === epochs[1], new Set(epochs).size], [true, 4]);
});

test("the older way of counting wins, and a mob remembers some of those that it had", () => {
  const source = { carried: 0, numberings: [] as Numbering[] };
  const offsets = new CommonOffsets(source);
  offsets.begin(7, "a life");
  const own = source.numberings[0]!;
  source.carried = 50;
  offsets.passed(9);
  const epochs = Array.from({ length: 12 }, (_, index) => `${index}`.padStart(16, "0"));
  offsets.told({ sequence: 8, epoch: epochs[11]!, offset: 0 });
  offsets.told({ sequence: 6, epoch: "f".repeat(16), offset: 1000 });
  for (const [index, epoch] of epochs.slice(0, 11).entries()) {
    offsets.told({ sequence: 9, epoch, offset: 1000 + index });
  }
  offsets.told({ sequence: 9, epoch: epochs[0]!, offset: 1000 });
  assertEquals(source.numberings.length, 8);
  assertEquals(source.numberings[0], { epoch: epochs[10]!, base: 960, from: 50 });
  assertEquals(source.numberings.at(-1), own);
  assertEquals(offsets.here, { sequence: 9, epoch: epochs[10]!, offset: 1010 });
});
