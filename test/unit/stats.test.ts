/** What a mob counts for those who watch it: listeners, distributions, and its connections by a query. */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { WRITABLE } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import { HistogramCounter, LAG_BOUNDS } from "../../src/status/histogram.ts";
import {
  CONNECTION_SORTS,
  type ConnectionQuery,
  type ConnectionSort,
  type Histogram,
  type ListenerStats,
} from "../../src/status/stats.ts";
import { World } from "../helpers/scripted_server.ts";

/** How many values are within each bound that has some; -1 stands for those above all. */
function counted({ bounds, counts }: Histogram): [bound: number, count: number][] {
  return counts.map((count, index): [number, number] => [bounds[index] ?? -1, count]).filter(([, count]) => count > 0);
}

test("a histogram counts a value within the first bound that is not below it", () => {
  const counter = new HistogramCounter([0, 10, 100]);
  for (const value of [0, 0.5, 10, 11, 100, 101, 5000]) counter.add(value);
  const { histogram } = counter;
  assertEquals(histogram, { bounds: [0, 10, 100], counts: [1, 2, 2, 2], count: 7, sum: 5222.5 });
  counter.add(1);
  assertEquals(histogram.counts, [1, 2, 2, 2], "what was returned changed");
});

test("stats count the connections of each listener, in the order in which they were opened, and those of join()", async () => {
  const world = await World.open();
  const lines = await world.listen("tcp://127.0.0.1:0?framing=line");
  await world.listen("unix:/tmp/stats.sock");
  const [first] = [world.join(), lines(), lines()];
  const [tcp, line, unix] = world.mob.urls;
  const due = (counts: number[]): ListenerStats[] =>
    [tcp, line, unix, undefined].slice(0, counts.length).map((url, index) => ({ url, connections: counts[index]! }));
  assertEquals(world.mob.stats().listeners, due([1, 2, 0]));
  world.mob.join({ receive: false });
  assertEquals(world.mob.stats().listeners, due([1, 2, 0, 1]));
  for (const { token, listener } of world.mob.connections()) if (!listener) world.mob.disconnect(token);
  world.mob.disconnect(first.token);
  assertEquals(world.mob.stats().listeners, due([0, 2, 0]));
});

test("stats name listeners that are closed while they have connections", async () => {
  const world = await World.open({ drainTimeout: 100 });
  const { socket } = world.join();
  const [url] = world.mob.urls;
  socket.room = 5;
  assertEquals(world.mob.state, "open");
  const closed = world.mob.close();
  assertEquals(world.mob.state, "draining");
  assertEquals(world.mob.stats().listeners, [{ url, connections: 1 }]);
  world.adapter.advance(100);
  await closed;
  assertEquals([world.mob.state, world.mob.stats().listeners], ["closed", []]);
});

test("stats have the lag of each connection in a histogram, and the sum is the lag of all", async () => {
  const world = await World.open({ maxLag: 2 ** 24 });
  const [speaker, small, large] = [world.join(), world.join(), world.join()];
  [small.socket.room, large.socket.room] = [1000, 5];
  world.say(speaker, "x".repeat(992));
  world.say(speaker, "y".repeat(2000));
  const { lagSizes, lag } = world.mob.stats();
  assertEquals(counted(lagSizes), [[0, 1], [2 ** 14, 2]]);
  assertEquals([lagSizes.count, lagSizes.sum, lagSizes.bounds], [3, lag.bytes, LAG_BOUNDS]);
  assertEquals(lag.bytes, 2008 + 3008 - 5);
});

test("stats have the duration of each tick, with the hooks that it calls", () => {
  const memory = memoryAdapter({ manual: true });
  let now = 0;
  const mob = new Mob(Object.assign(Object.create(memory), { now: () => now }), { onJoin: () => void (now += 40) });
  mob.join({ receive: false });
  memory.run();
  const { ticks, tickDurations } = mob.stats();
  assertEquals(counted(tickDurations).at(-1), [50, 1]);
  assertEquals([tickDurations.count, tickDurations.sum], [ticks, 40]);
});

/** What each of four connections has most of. */
async function various(): Promise<{ world: World; names: (query?: ConnectionQuery) => string }> {
  const world = await World.open({ slowConsumer: "skip", maxLag: 100 });
  const join = (name: string) => world.join(name);
  const old = join("old");
  world.adapter.advance(10);
  const [speaker, skipped, behind, fresh] = [join("speaker"), join("skipped"), join("behind"), join("fresh")];
  skipped.socket.room = 0;
  world.say(speaker, "x".repeat(60));
  world.say(speaker, "x".repeat(60));
  behind.socket.room = 0;
  world.say(speaker, "y".repeat(30));
  fresh.socket.incoming.push(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9, 1]));
  world.ready(fresh.token, 1);
  world.run();
  assert(old.token !== fresh.token);
  const names = (query?: ConnectionQuery) =>
    world.mob.connections(query).map(({ remoteAddress }) => remoteAddress).join(" ");
  return { world, names };
}

test("connections are sorted by what is asked for, the largest first and the older of equals first", async () => {
  const { names } = await various();
  const due: Record<ConnectionSort, string> = {
    lag: "behind old speaker skipped fresh",
    age: "old speaker skipped behind fresh",
    received: "speaker old skipped behind fresh",
    delivered: "old speaker fresh behind skipped",
    skipped: "skipped old speaker behind fresh",
    receiveBytes: "fresh old speaker skipped behind",
  };
  assertEquals(names(), due.lag);
  for (const sort of CONNECTION_SORTS) {
    assertEquals(names({ sort }), due[sort], sort);
    for (let offset = 0; offset < 7; offset++) {
      for (let limit = 0; limit < 7; limit++) {
        const part = due[sort].split(" ").slice(offset, offset + limit).join(" ");
        assertEquals(names({ sort, limit, offset }), part, `${sort} ${offset} ${limit}`);
      }
    }
  }
  assertEquals(names({ sort: "age", offset: 3 }), "behind fresh");
  assertEquals(names({ limit: undefined, offset: undefined, sort: undefined }), due.lag);
});

test("a few of many connections are the first of all of them, in whatever order they come", async () => {
  const world = await World.open({ maxConnections: 1000 });
  const speaker = world.join();
  const members = Array.from({ length: 700 }, () => world.join());
  const frame = 8 + 1000;
  members.forEach(({ socket }, index) => socket.room = (index * 7919) % frame);
  world.say(speaker, "x".repeat(1000));
  for (const limit of [1, 20, 32, 33, 349, 350, 699, 700]) {
    for (const offset of [0, 5]) {
      const all = world.mob.connections();
      assertEquals(world.mob.connections({ limit, offset }), all.slice(offset, offset + limit), `${offset} ${limit}`);
    }
  }
});

test("a wrong query is refused by name", async () => {
  const world = await World.open();
  const wrong = (query: unknown, message: string): void => {
    assertThrows(() => world.mob.connections(query as ConnectionQuery), Error, message);
  };
  wrong({ sort: "speed" }, 'Cannot use sort "speed": it is one of lag, age, received');
  wrong({ sort: "toString" }, 'Cannot use sort "toString"');
  wrong({ limit: -1 }, "Cannot use limit -1");
  wrong({ limit: 1.5 }, "Cannot use limit 1.5");
  wrong({ offset: NaN }, "Cannot use offset NaN");
  wrong({ offset: "2" }, 'Cannot use offset "2"');
  wrong({ limits: 2 }, "Cannot use option limits: there is none of that name in mob.connections(), did you mean limit");
  wrong(20, "Cannot use 20 as the options of mob.connections()");
});

test("a connection whose socket is full knows when it is removed as stalled; each byte that it takes moves that", async () => {
  const world = await World.open({ stallTimeout: 1000 });
  const [speaker, slow] = [world.join(), world.join()];
  const stalls = () => world.mob.connections().find(({ token }) => token === slow.token)!.stallsIn;
  world.say(speaker, "hello");
  assertEquals(stalls(), undefined);
  slow.socket.room = 5;
  world.say(speaker, "hello");
  assertEquals(stalls(), 1000);
  world.adapter.advance(400);
  assertEquals(stalls(), 600);
  world.makeRoom(slow.socket, slow.token, 2);
  world.run();
  assertEquals(stalls(), 1000);
  world.adapter.advance(999);
  assertEquals(stalls(), 1);
  world.makeRoom(slow.socket, slow.token, Infinity);
  world.run();
  assertEquals([stalls(), world.reasons], [undefined, []]);
});

test("skip: a full socket with nothing pending is no stall", async () => {
  const world = await World.open({ stallTimeout: 1000, slowConsumer: "skip", maxLag: 100 });
  const [speaker, slow] = [world.join(), world.join()];
  const stalls = () => world.mob.connections().find(({ token }) => token === slow.token)!.stallsIn;
  slow.socket.room = 13;
  world.say(speaker, "hello", "x".repeat(95));
  assertEquals(stalls(), undefined);
  world.say(speaker, "more");
  assertEquals(stalls(), 1000);
  world.ready(slow.token, WRITABLE);
  world.run();
});
