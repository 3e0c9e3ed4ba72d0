/**
 * The stream of a bus on NATS, with a client library that plays a script: what servers say while they elect a leader, and
 * consumers that do not hand out what the stream has. Real servers do so seldom, and when they like.
 */

import { test } from "node:test";
import { clearInterval, setInterval } from "node:timers";
import { assertEquals, assertRejects } from "@std/assert";
import type { NatsLibrary } from "../../adapters/nats/library.ts";
import { NatsStream } from "../../adapters/nats/stream.ts";
import { newStream } from "../../adapters/nats/terms.ts";
import { Bell, pause, within } from "../helpers/wait.ts";

const TERMS = { framing: "u64", maxFrame: 1000 };

/** A message of NATS, as far as it is looked at. */
interface Message {
  readonly reply?: string;
  readonly data: Uint8Array;
  readonly headers?: { readonly code: number; readonly description: string; get(name: string): string };
}

/** Three servers with one stream, by a script. */
class Servers {
  /** What the leader has: the first of them is message 1. */
  messages: string[];
  /** Messages before this one are gone. */
  first = 1;
  leader: string | undefined = "n0";
  /** What the leader says that its last message is, when that is not so. */
  last: number | undefined;
  /** How often the stream is not there yet when it is asked for. */
  missing = 0;
  framing = "u64";
  /** Whether they take nothing any more. */
  standStill = false;
  /** How often it was asked. */
  asked = 0;
  /** Where consumers were made, in order: the server chooses n1, n2, n0, n1, ... */
  readonly places: string[] = [];
  readonly removed: string[] = [];
  #inbox: (error: null, message: Message) => void = () => {};
  #closed: () => void = () => {};

  constructor(...messages: string[]) {
    this.messages = messages;
  }

  #info() {
    this.asked++;
    if (this.missing-- > 0) return Promise.reject(Object.assign(new Error("stream not found"), { code: 10059 }));
    const config = { ...newStream({ name: "room" }, { ...TERMS, framing: this.framing }), num_replicas: 3 };
    const { first, leader, messages } = this;
    // Without a leader another server answers, of a stream without messages.
    const state = leader === undefined
      ? { first_seq: 0, last_seq: 0, messages: 0, bytes: 0 }
      : { first_seq: first, last_seq: this.last ?? messages.length, messages: messages.length, bytes: 1000 };
    return Promise.resolve({ created: "then", config, state, cluster: { leader } });
  }

  get library(): NatsLibrary {
    const closed = new Promise<void>((resolve) => this.#closed = resolve);
    const connection = {
      info: { max_payload: 2 ** 20 },
      status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => closed.then(() => ({ done: true })) }) }),
      closed: () => closed,
      isClosed: () => false,
      close: () => this.standStill ? new Promise<void>(() => {}) : Promise.resolve(this.#closed()),
      subscribe: (_subject: string, { callback }: { callback: (error: null, message: Message) => void }) => {
        this.#inbox = callback;
        return { unsubscribe: () => {} };
      },
      publish: () => {},
    };
    const manager = {
      streams: {
        info: () => this.#info(),
        // Another mob was faster.
        add: () => Promise.reject(Object.assign(new Error("stream name already in use"), { code: 10058 })),
        getMessage: (_stream: string, { seq }: { seq: number }) => {
          const text = seq < this.first ? undefined : this.messages[seq - 1];
          return Promise.resolve(text === undefined ? null : { data: new TextEncoder().encode(text) });
        },
      },
      consumers: {
        add: () => {
          const leader = `n${(this.places.length + 1) % 3}`;
          this.places.push(leader);
          return Promise.resolve({ name: `c${this.places.length}`, cluster: { leader } });
        },
        delete: (_stream: string, name: string) => Promise.resolve(this.removed.push(name)),
      },
    };
    return {
      connect: () => Promise.resolve(connection),
      jetstreamManager: () => Promise.resolve(manager),
      jetstream: () => ({}),
      createInbox: () => "_INBOX.1",
      AckPolicy: { None: "none" },
      DeliverPolicy: { StartSequence: "by_start_sequence" },
    } as unknown as NatsLibrary;
  }

  /** The consumer hands out a message, its first one or a later one. */
  deliver(sequence: number, delivered: number): void {
    const data = new TextEncoder().encode(this.messages[sequence - 1]);
    this.#inbox(null, { reply: `$JS.ACK.s.c.1.${sequence}.${delivered}.0.0`, data });
  }
  /** The consumer says that it is there. */
  heartbeat(stream: number, consumer: number): void {
    const values: Record<string, number> = { "Nats-Last-Stream": stream, "Nats-Last-Consumer": consumer };
    const headers = { code: 100, description: "Idle Heartbeat", get: (name: string) => String(values[name] ?? "") };
    this.#inbox(null, { data: new Uint8Array(), headers });
  }
  /** The consumer is gone. */
  endPull(): void {
    const headers = { code: 409, description: "Consumer Deleted", get: () => "" };
    this.#inbox(null, { data: new Uint8Array(), headers });
  }
}

/** A stream that is open, and what it has told. */
async function open(servers: Servers) {
  const told: string[] = [];
  const bell = new Bell();
  const tell = (what: string): void => {
    told.push(what);
    bell.ring();
  };
  const stream = new NatsStream(servers.library, ["nats://127.0.0.1"], { name: "room" });
  const { sequence } = await stream.open(
    {
      message: (at) => tell(`message ${at}`),
      missed: (from, to) => tell(`missed ${from} to ${to}`),
      restarted: (why) => tell(`restarted: ${why}`),
      away: (why) => tell(`away: ${why}`),
      back: () => tell("back"),
    },
    TERMS,
    0,
  );
  const until = (what: () => boolean): Promise<void> => bell.until(what, () => told.join("; "), 20_000);
  return { told, sequence, until, ring: () => bell.ring(), [Symbol.asyncDispose]: () => stream.close() };
}

test("an answer without a leader is none: neither to one that joins nor to one that was there", async () => {
  const servers = new Servers("a", "b", "c");
  servers.leader = undefined;
  const joining = open(servers);
  while (servers.asked < 2) await pause(10);
  servers.leader = "n0";
  await using room = await joining;
  assertEquals(room.sequence, 3);
  servers.leader = undefined;
  servers.endPull();
  await room.until(() => room.told.length > 0);
  servers.leader = "n1";
  await room.until(() => room.told.includes("back"));
  assertEquals(room.told, ["away: no server leads the stream now", "back"]);
});

test("one that leaves does not wait for ever for a server that takes nothing", async () => {
  const servers = new Servers("a");
  const room = await open(servers);
  servers.standStill = true;
  await within(room[Symbol.asyncDispose](), "the stream to close", 5_000);
});

test("one that joins does not wait for a leader for ever", async () => {
  const servers = new Servers("a");
  servers.leader = undefined;
  await assertRejects(() => open(servers), Error, "Cannot join bus room: no server leads the stream now");
});

test("of two mobs that make a stream at once, the slower one joins, or is told what does not fit", async () => {
  const servers = new Servers("a");
  servers.missing = 1;
  await using room = await open(servers);
  assertEquals(room.sequence, 1);
  const others = new Servers("a");
  others.missing = 1;
  others.framing = "line";
  await assertRejects(() => open(others), Error, "has framing line, and this mob has u64");
});

test("a new leader that does not have all yet is asked again, before a gap is told", async () => {
  const servers = new Servers("a", "b", "c");
  await using room = await open(servers);
  servers.last = 1;
  servers.endPull();
  await room.until(() => room.told.length > 0);
  servers.last = undefined;
  await room.until(() => room.told.includes("back"));
  const lost = "the stream has lost its end, from message 2 to 3";
  assertEquals(room.told, [`away: the servers of NATS do not agree: ${lost}`, "back"]);
  // One that never has them has lost them. Its consumer is the one that counts then.
  servers.messages.splice(1);
  servers.places.length = 0;
  servers.endPull();
  await room.until(() => room.told.filter((what) => what === "back").length === 2);
  assertEquals(room.told.slice(2), [`away: the servers of NATS do not agree: ${lost}`, `restarted: ${lost}`, "back"]);
  assertEquals(servers.places, ["n1", "n2", "n0"]);
});

test("a consumer that goes on behind messages tells that they are gone, when the leader does not have them", async () => {
  const servers = new Servers("a");
  await using room = await open(servers);
  servers.messages.push("b", "c", "d", "e");
  servers.deliver(2, 1);
  // One that has delivered more is on its way.
  servers.heartbeat(5, 2);
  servers.heartbeat(2, 1);
  servers.first = 5;
  servers.heartbeat(4, 1);
  await room.until(() => room.told.length === 2);
  assertEquals(room.told, ["message 2", "missed 3 to 5"]);
  servers.deliver(5, 2);
  assertEquals(room.told.at(-1), "message 5");
  assertEquals(servers.places, ["n1"]);
});

test("a consumer that goes on behind messages that the leader has is left for one where the leader is", async () => {
  const servers = new Servers("a");
  await using room = await open(servers);
  servers.messages.push("b", "c");
  servers.heartbeat(3, 0);
  while (servers.places.length < 3) await pause(10);
  servers.deliver(2, 1);
  servers.deliver(3, 2);
  assertEquals([servers.places, servers.removed], [["n1", "n2", "n0"], ["c2"]]);
  assertEquals(room.told, ["message 2", "message 3"]);
});

test("a consumer that lags behind the leader, or hands out what that does not have, is left within ten seconds", async () => {
  const servers = new Servers("a");
  await using room = await open(servers);
  let [sequence, delivered] = [1, 0];
  const beats = setInterval(() => servers.heartbeat(sequence, delivered), 500);
  try {
    servers.messages.push("b", "c");
    while (servers.places.length < 3) await pause(10);
    [sequence, delivered] = [3, 2];
    servers.deliver(2, 1);
    servers.deliver(3, 2);
    assertEquals([servers.places, room.told], [["n1", "n2", "n0"], ["message 2", "message 3"]]);
    servers.messages[1] = "x";
    await room.until(() => room.told.length === 3);
    assertEquals(room.told.at(-1), "restarted: message 2 of the stream is another one now");
  } finally {
    clearInterval(beats);
  }
});
