/**
 * A mob's stand-in at a stream of NATS: writes batches as it may, reads what there is, and looks at every one.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { loadNats } from "../../adapters/nats/library.ts";
import type { NatsOptions } from "../../adapters/nats/options.ts";
import { NatsStream } from "../../adapters/nats/stream.ts";
import { eventLoop } from "../../adapters/shared/event_loop.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import type { StreamPosition } from "../../src/contract/bus_stream.ts";
import { isPattern, LONGEST, pattern } from "./pattern.ts";
import { Bell } from "./wait.ts";

/** The bytes before the pattern: the mob, the number and the length. */
const HEAD = 12;

/** A batch of at least {@link HEAD} bytes that says which it is. */
function batchOf(mob: number, number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEAD, length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, mob);
  view.setUint32(4, number);
  view.setUint32(8, bytes.length);
  for (let at = HEAD; at < bytes.length; at += LONGEST) {
    bytes.set(pattern(at, Math.min(LONGEST, bytes.length - at)), at);
  }
  return bytes;
}

function nameOf(bytes: Uint8Array): [mob: number, number: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  assertEquals(view.getUint32(8), bytes.length);
  for (let at = HEAD; at < bytes.length; at += LONGEST) assert(isPattern(bytes.subarray(at, at + LONGEST), at));
  return [view.getUint32(0), view.getUint32(4)];
}

/** What a member joins with. */
export interface JoinOptions extends Partial<NatsOptions> {
  readonly framing?: string;
  readonly maxFrame?: number;
  readonly history?: number;
}

/** The stand-in. */
export class BusMember implements AsyncDisposable {
  /** What came, in order: mob and number, `gap` or `restart`. */
  readonly heard: string[] = [];
  /** What was told of the engine: why it is away, `back`. */
  readonly told: string[] = [];
  /** Why the gaps that were told are there. */
  readonly whys: string[] = [];
  /** What happened, and when: for the one who has to judge a failure. */
  readonly diary: string[] = [];
  /** Own batches that will never come back. */
  readonly lost: number[] = [];
  readonly bell: Bell = new Bell();
  readonly channel: StreamChannel;
  readonly mob: number;
  position!: StreamPosition;
  /** Whether it reads at all. */
  isHeld = false;
  /** Batches that are refused when they come. */
  refused: (bytes: Uint8Array) => boolean = () => false;
  readonly #sizes: number[] = [];
  #written = 0;
  #isDue = false;
  readonly #numbers: Map<number, number> = new Map();

  private constructor(mob: number, channel: StreamChannel) {
    this.mob = mob;
    this.channel = channel;
  }

  /** Joins the bus `room`. */
  static async join(mob: number, servers: string | readonly string[], options: JoinOptions = {}): Promise<BusMember> {
    const { framing = "u64", maxFrame = 2 ** 24, history = 0, ...nats } = options;
    const urls = typeof servers === "string" ? [servers] : servers;
    const stream = new NatsStream(await loadNats(), urls, { name: "room", ...nats });
    const member = new BusMember(mob, new StreamChannel(stream, { clock: eventLoop, random: Math.random }));
    const events = {
      wake: () => member.wake(),
      away: (why: string | undefined) => {
        member.told.push(why ?? "back");
        member.note(why === undefined ? "back" : `away: ${why}`);
        member.bell.ring();
      },
    };
    member.position = await member.channel.open(events, { framing, maxFrame }, history);
    member.note("joined");
    member.wake();
    return member;
  }

  /** Writes into the diary. */
  note(what: string): void {
    const { sequence } = this.channel.stats();
    const last = this.heard.at(-1) ?? "nothing";
    this.diary.push(
      `${(performance.now() / 1000).toFixed(2)} s, mob ${this.mob} at ${sequence} behind ${last}: ${what}`,
    );
  }

  /** Batches of these lengths are to be written. */
  say(...lengths: number[]): void {
    this.#sizes.push(...lengths);
    this.wake();
  }

  /** How many own batches are not back. */
  get open(): number {
    return this.#sizes.length - this.lost.length - (this.#numbers.get(this.mob) ?? 0) + this.#lostBefore;
  }
  /** Lost ones before the last own one that came: the count of numbers has them already. */
  get #lostBefore(): number {
    const last = this.#numbers.get(this.mob) ?? 0;
    return this.lost.filter((number) => number <= last).length;
  }

  /** Asks for a tick. */
  wake(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#tick();
    });
  }

  #tick(): void {
    this.#write();
    for (let item = this.isHeld ? undefined : this.channel.read(); item; item = this.channel.read()) {
      if (item.type === "gap") {
        this.note(`${item.why}; own ${item.own.join()}`);
        this.whys.push(item.why);
        if (item.batches !== 0) this.heard.push(item.restarted ? "restart" : "gap");
        this.lost.push(...item.own);
      } else if (this.refused(item.bytes)) this.channel.refuse();
      else {
        const [mob, number] = nameOf(item.bytes);
        assertEquals(item.own, mob === this.mob ? number : undefined);
        // Each once, and in order, whatever happens.
        assert(
          number > (this.#numbers.get(mob) ?? 0),
          `${mob}.${number} after ${this.#numbers.get(mob)} in ${this.mob}`,
        );
        this.#numbers.set(mob, number);
        this.heard.push(`${mob}.${number}`);
      }
    }
    this.#write();
    this.bell.ring();
  }

  #write(): void {
    while (this.#written < this.#sizes.length && this.channel.writable) {
      const number = ++this.#written;
      this.channel.write(number, batchOf(this.mob, number, this.#sizes[number - 1]!));
    }
  }

  /** Waits until a condition holds. */
  until(condition: () => boolean, what: string, milliseconds = 30_000): Promise<void> {
    const state = () => `${what}: ${this.open} open, heard ${this.heard.length}, told ${this.told.slice(-3)}`;
    return this.bell.until(condition, state, milliseconds);
  }

  /** Waits until all own batches are back, or lost. */
  settled(): Promise<void> {
    return this.until(() => this.open === 0, `the batches of ${this.mob}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.channel.close();
  }
}

/** Waits until all have all, and checks that it is the same, in the same order. Returns what that is. */
export async function sameForAll(members: readonly BusMember[]): Promise<string[]> {
  for (const member of members) await member.settled();
  const most = (): number => Math.max(...members.map(({ heard }) => heard.length));
  for (const member of members) await member.until(() => member.heard.length >= most(), "what others have");
  for (const member of members) assertEquals(member.heard, members[0]!.heard);
  return members[0]!.heard;
}
