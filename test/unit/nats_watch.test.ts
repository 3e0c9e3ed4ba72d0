/** What a mob makes of what servers of NATS say of their stream, by a script: whether it is what was read, and all that was. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { StreamInfo } from "@nats-io/jetstream";
import { Reading } from "../../adapters/nats/reading.ts";
import { Watch } from "../../adapters/nats/watch.ts";

/** What a leader says. */
interface Said {
  readonly last: number;
  readonly first?: number;
  readonly leader?: string;
  readonly created?: string;
}

function infoOf({ last, first = 1, leader = "n0", created = "then" }: Said): StreamInfo {
  return { created, cluster: { leader }, state: { first_seq: first, last_seq: last } } as StreamInfo;
}

/** A watch, and what it looks at: each look is one step. */
class Scene {
  sequence = 10;
  isPaused = false;
  /** What the leader says at the next looks; `undefined`: nothing. */
  said: Said | undefined = { last: 10 };
  differs: string | undefined;
  asked = 0;
  compared = 0;
  readonly stale: string[] = [];
  /** The timer that is set. */
  due: (() => void) | undefined;
  readonly watch: Watch;

  constructor() {
    const watched = {
      clock: {
        after: (_milliseconds: number, run: () => void): () => void => {
          this.due = run;
          return () => this.due = undefined;
        },
      },
      sequence: 0,
      isPaused: false,
      ask: (): Promise<StreamInfo> => {
        this.asked++;
        return this.said ? Promise.resolve(infoOf(this.said)) : Promise.reject(new Error("no leader"));
      },
      difference: (_info: StreamInfo, sequence: number): Promise<string | undefined> => {
        assertEquals(sequence, this.sequence);
        this.compared++;
        return Promise.resolve(this.differs);
      },
      stale: (why: string): void => void this.stale.push(why),
    };
    Object.defineProperty(watched, "sequence", { get: () => this.sequence });
    Object.defineProperty(watched, "isPaused", { get: () => this.isPaused });
    this.watch = new Watch(watched);
  }

  /** So many periods pass. Before each, so many messages come. */
  async pass(periods: number, messages = 0): Promise<void> {
    for (let count = 0; count < periods; count++) {
      this.sequence += messages;
      const { due } = this;
      this.due = undefined;
      due?.();
      // The look is done when its answers have come.
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  }
}

test("messages that do not come for two looks, and the stream has them, make a consumer stale", async () => {
  const scene = new Scene();
  await scene.pass(10);
  assertEquals(scene.stale, []);
  scene.said = { last: 12 };
  await scene.pass(1);
  scene.said = { last: 12 };
  for (let count = 0; count < 3 && scene.stale.length === 0; count++) await scene.pass(1);
  assertEquals(scene.stale, ["messages of the stream do not come"]);
  // It has ended.
  assertEquals(scene.due, undefined);
});

test("messages that are on their way, and a mob that has no room, are no reason", async () => {
  const scene = new Scene();
  // The leader is always ahead, and messages come.
  for (let count = 0; count < 60; count++) {
    scene.said = { last: scene.sequence + 5 };
    await scene.pass(1, 1);
  }
  scene.isPaused = true;
  scene.said = { last: 1000 };
  await scene.pass(60);
  assertEquals(scene.stale, []);
});

test("what servers say once, while they elect a leader, does not count", async () => {
  const scene = new Scene();
  for (let count = 0; count < 40; count++) {
    scene.differs = count % 2 === 0 ? "the stream has lost its end" : undefined;
    scene.said = { last: scene.differs ? 3 : 10, leader: `n${count}` };
    await scene.pass(1);
  }
  scene.said = undefined;
  await scene.pass(20);
  assertEquals(scene.stale, []);
  scene.said = { last: 3 };
  scene.differs = "the stream has lost its end";
  await scene.pass(5);
  assertEquals(scene.stale, ["the stream has lost its end"]);
});

test("messages that come are compared soon, then seldom; a quiet stream is asked after, and compared once for each leader", async () => {
  const scene = new Scene();
  for (let count = 0; count < 48; count++) {
    // The leader is always ahead.
    scene.said = { last: scene.sequence + 5 };
    await scene.pass(1, 1);
  }
  // At looks 1 (whose answer begins the count anew, since it knew no leader), 1, 2, 4, 8, 12, 24, 36.
  assertEquals([scene.asked, scene.compared], [8, 8]);
  const quiet = new Scene();
  await quiet.pass(49);
  assertEquals(quiet.compared, 1);
  // At every other look, and soon after it began.
  assertEquals(quiet.asked, 32);
  quiet.said = { last: 10, leader: "n1" };
  await quiet.pass(10);
  assertEquals(quiet.compared, 2);
});

test("one that has ended looks no more, and says nothing", async () => {
  const scene = new Scene();
  scene.said = { last: 99 };
  await scene.pass(1);
  const { due } = scene;
  due!();
  scene.watch.end();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assertEquals([scene.stale, scene.due === undefined || scene.due === due], [[], true]);
});

// --- what was read ---

/** The messages of a stream. */
function streamOf(...texts: string[]): (sequence: number) => Promise<{ data: Uint8Array } | null> {
  const utf8 = new TextEncoder();
  return (sequence) => {
    const text = texts[sequence - 1];
    return Promise.resolve(text === undefined ? null : { data: utf8.encode(text) });
  };
}

test("a stream is known again by its first and its last message since a consumer began", async () => {
  const utf8 = new TextEncoder();
  const reading = new Reading();
  reading.open(infoOf({ last: 1 }), 1);
  for (const [at, text] of ["b", "c", "d"].entries()) reading.take(2 + at, utf8.encode(text));
  const info = infoOf({ last: 4 });
  assertEquals(await reading.difference(info, streamOf("a", "b", "c", "d")), undefined);
  assertEquals(
    await reading.difference(info, streamOf("a", "x", "c", "d")),
    "message 2 of the stream is another one now",
  );
  assertEquals(
    await reading.difference(info, streamOf("a", "b", "c", "x")),
    "message 4 of the stream is another one now",
  );
  // What is gone tells nothing.
  assertEquals(await reading.difference(infoOf({ last: 9, first: 5 }), streamOf("a", "x")), undefined);
  assertEquals(await reading.difference(info, streamOf("a", "b")), undefined);
  assertEquals(
    await reading.difference(infoOf({ last: 2 }), streamOf("a", "b")),
    "the stream has lost its end, from message 3 to 4",
  );
  assertEquals(
    await reading.difference(infoOf({ last: 9, created: "now" }), streamOf()),
    "the stream was made anew",
  );
  // With another consumer only what comes from then on tells, and the last one.
  reading.goOn();
  assertEquals(await reading.difference(info, streamOf("a", "x", "c", "d")), undefined);
});

test("a stream that has lost its end is read from where it was opened, one that was made anew from its beginning", () => {
  const reading = new Reading();
  reading.open(infoOf({ last: 7 }), 5);
  reading.take(6, new Uint8Array(1));
  reading.restart(infoOf({ last: 5 }));
  assertEquals(reading.sequence, 5);
  reading.restart(infoOf({ last: 3 }));
  assertEquals(reading.sequence, 3);
  reading.restart(infoOf({ last: 9, created: "now" }));
  assertEquals(reading.sequence, 0);
});
