/** A stream of an engine that does what a test says, and a channel on it. */

import type { BusStream, StreamPosition, StreamReader } from "../../src/contract/bus_stream.ts";
import type { ChannelItem } from "../../src/bus/channel.ts";
import { StreamChannel, type StreamChannelOptions } from "../../src/bus/stream_channel.ts";
import { unwrap } from "../../src/bus/envelope.ts";

/** A message that was appended and has no answer yet. */
interface Appended {
  readonly message: Uint8Array;
  readonly id: string;
  readonly stored: (sequence: number) => void;
  readonly failed: (error: Error) => void;
}

/** A stream whose engine is the test. */
export class ScriptedStream implements BusStream {
  readonly name = "bus";
  maxMessage = 1024;
  readonly appended: Appended[] = [];
  paused = false;
  closed = false;
  reader!: StreamReader;
  /** The sequence of its last message. */
  sequence = 0;

  open(reader: StreamReader): Promise<StreamPosition> {
    this.reader = reader;
    return Promise.resolve({ sequence: this.sequence, epoch: "1" });
  }
  append(message: Uint8Array, id: string): Promise<number> {
    return new Promise((stored, failed) => this.appended.push({ message, id, stored, failed }));
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** The message that was appended last comes next. */
  deliver(message: Uint8Array = this.last.message): number {
    this.reader.message(++this.sequence, message);
    return this.sequence;
  }
  get last(): Appended {
    return this.appended.at(-1)!;
  }
  /** The envelopes of what was appended, in short: `1@0`, and `!` for the last piece. */
  get sent(): string[] {
    return this.appended.map(({ message }) => {
      const { number, start, isLast } = unwrap(message, "u64")!;
      return `${number}@${start}${isLast ? "!" : ""}`;
    });
  }
}

/** Timers that pass when the test says so. */
export class ManualTimers {
  readonly #timers: Set<{ readonly milliseconds: number; readonly run: () => void }> = new Set();
  /** The pauses that were asked for. */
  readonly asked: number[] = [];

  readonly clock: StreamChannelOptions["clock"] = {
    after: (milliseconds, run) => {
      this.asked.push(milliseconds);
      const timer = { milliseconds, run };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    },
  };
  get length(): number {
    return this.#timers.size;
  }
  /** The timers of at most so many milliseconds that there are now end. */
  pass(most = 1000): void {
    for (const timer of [...this.#timers]) {
      if (timer.milliseconds <= most && this.#timers.delete(timer)) timer.run();
    }
  }
}

/** Numbers that look random, and are the same each time. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A channel that has joined a scripted stream. */
export interface Joined {
  readonly stream: ScriptedStream;
  readonly timers: ManualTimers;
  readonly channel: StreamChannel;
  /** What its mob was told. */
  readonly told: string[];
}

/** Makes one, which begins behind message `sequence`. Seeds name nodes. */
export async function joined(
  options: { maxMessage?: number; maxFrame?: number; seed?: number; sequence?: number } = {},
): Promise<Joined> {
  const stream = new ScriptedStream();
  stream.sequence = options.sequence ?? 0;
  stream.maxMessage = options.maxMessage ?? 1024;
  const timers = new ManualTimers();
  const channel = new StreamChannel(stream, { clock: timers.clock, random: numbers(options.seed ?? 1) });
  const told: string[] = [];
  const events = {
    wake: () => void told.push("wake"),
    away: (why: string | undefined) => void told.push(why === undefined ? "back" : `away: ${why}`),
  };
  await channel.open(events, { framing: "u64", maxFrame: options.maxFrame ?? 4096 }, 0);
  return { stream, timers, channel, told };
}

/** All that there is to read, in short: the first byte and the length of a batch, and its number when it is an own one. */
export function readAll(channel: StreamChannel): string[] {
  const items: string[] = [];
  for (let item = channel.read(); item; item = channel.read()) items.push(short(item));
  return items;
}

/** An item in short. */
export function short(item: ChannelItem): string {
  if (item.type === "batch") {
    return `${item.bytes[0] ?? ""}x${item.bytes.length}${item.own === undefined ? "" : ` own ${item.own}`}`;
  }
  const own = item.own.length > 0 ? ` own ${item.own}` : "";
  return `${item.restarted ? "restart" : `gap ${item.batches}`}${own}`;
}

/** Lets the answers of appends be heard. */
export async function answers(): Promise<void> {
  for (let round = 0; round < 4; round++) await Promise.resolve();
}
