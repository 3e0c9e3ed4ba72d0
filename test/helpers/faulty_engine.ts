/** An engine in memory that does what engines do when they fail, at the steps that a test draws. */

import { ENVELOPE } from "../../src/bus/envelope.ts";
import type { BusStream, StreamPosition, StreamReader } from "../../src/contract/bus_stream.ts";

/** What an engine may do besides its work. */
export interface EngineFaults {
  /** Answers are lost, and messages are, or come late. */
  readonly answers: boolean;
  /** It forgets the ids of messages. */
  readonly forgets: boolean;
  /** It discards the oldest messages. */
  readonly discards: boolean;
  /** It comes back empty, or without its last messages, and may remember ids of what is gone. */
  readonly restarts: boolean;
  /** It cannot be reached. */
  readonly away: boolean;
  /** It takes smaller or larger messages. */
  readonly sizes: boolean;
}

/** One stream for all. */
export class FaultyEngine {
  readonly draw: () => number;
  readonly faults: EngineFaults;
  maxMessage: number = ENVELOPE + 100;
  #log: Uint8Array[] = [];
  /** The sequence of the first message of the log. */
  #first = 1;
  #life = 0;
  readonly #ids: Map<string, number> = new Map();
  /** What is on its way, and may be stored at any time. */
  #late: (() => void)[] = [];
  readonly #clients: FaultyStream[] = [];

  constructor(draw: () => number, faults: EngineFaults) {
    this.draw = draw;
    this.faults = faults;
  }

  get life(): number {
    return this.#life;
  }
  get first(): number {
    return this.#first;
  }
  get end(): number {
    return this.#first + this.#log.length;
  }
  message(sequence: number): Uint8Array {
    return this.#log[sequence - this.#first]!;
  }
  stream(): FaultyStream {
    const client = new FaultyStream(this);
    this.#clients.push(client);
    return client;
  }

  store(message: Uint8Array, id: string): number {
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    const sequence = this.end;
    this.#log.push(message);
    this.#ids.set(id, sequence);
    return sequence;
  }
  later(run: () => void): void {
    this.#late.push(run);
  }

  /** One thing happens. */
  step(): void {
    const { draw, faults } = this;
    if (this.#late.length > 0 && draw() < 0.3) this.#late.splice(Math.floor(draw() * this.#late.length), 1)[0]!();
    if (faults.forgets && draw() < 0.02) this.#ids.clear();
    if (faults.discards && draw() < 0.02) this.#discard(this.#log.length - Math.floor(draw() * 6));
    if (faults.restarts && draw() < 0.005) this.#restart();
    if (faults.sizes && draw() < 0.01) this.maxMessage = ENVELOPE + 20 + Math.floor(draw() * 200);
    for (const client of this.#clients) client.step(faults.away);
  }
  /** Faults end: what is on its way comes, or never does. */
  mend(): void {
    for (const run of this.#late.splice(0)) run();
    for (const client of this.#clients) client.mend();
  }
  #discard(count: number): void {
    const gone = Math.max(count, 0);
    this.#log.splice(0, gone);
    this.#first += gone;
  }
  #restart(): void {
    const { draw } = this;
    this.#life++;
    if (draw() < 0.5) [this.#log, this.#first] = [[], 1];
    else this.#log.length = Math.floor(this.#log.length * (1 - draw() / 4));
    if (draw() < 0.5) this.#ids.clear();
  }
}

/** A mob's stream. */
export class FaultyStream implements BusStream {
  readonly name = "bus";
  readonly #engine: FaultyEngine;
  #reader!: StreamReader;
  #sequence = 0;
  #life = 0;
  #paused = false;
  #away = false;

  constructor(engine: FaultyEngine) {
    this.#engine = engine;
  }
  get maxMessage(): number {
    return this.#engine.maxMessage;
  }
  open(reader: StreamReader): Promise<StreamPosition> {
    this.#reader = reader;
    this.#sequence = this.#engine.end - 1;
    this.#life = this.#engine.life;
    return Promise.resolve({ sequence: this.#sequence, epoch: `${this.#life}` });
  }
  append(message: Uint8Array, id: string): Promise<number> {
    const { draw, faults } = this.#engine;
    if (message.length > this.maxMessage) return Promise.reject(new Error("too large"));
    return new Promise((resolve, reject) => {
      const kind = faults.answers ? draw() : 1;
      const answer = (sequence: number): void => this.#engine.later(() => resolve(sequence));
      const lost = (): void => this.#engine.later(() => reject(new Error("timeout")));
      if (kind < 0.08) lost();
      else if (kind < 0.16) {
        this.#engine.store(message, id);
        lost();
      } else if (kind < 0.24) {
        // It is stored when nothing waits for it any more, or while it goes again.
        reject(new Error("disconnected"));
        this.#engine.later(() => void this.#engine.store(message, id));
      } else if (kind < 0.5) this.#engine.later(() => answer(this.#engine.store(message, id)));
      else answer(this.#engine.store(message, id));
    });
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  step(mayLeave: boolean): void {
    const { draw } = this.#engine;
    if (mayLeave && draw() < (this.#away ? 0.1 : 0.01)) this.#turn(!this.#away);
    // Each reads at its own pace, so some are far behind.
    for (let count = Math.floor(draw() * 3); count > 0 && !this.#away; count--) this.#readOne();
  }
  mend(): void {
    this.#turn(false);
    while (this.#readOne());
  }
  #turn(away: boolean): void {
    if (away === this.#away) return;
    this.#away = away;
    if (away) this.#reader.away("gone");
    else this.#reader.back();
  }
  #readOne(): boolean {
    const { end, first, life } = this.#engine;
    if (life !== this.#life) {
      this.#life = life;
      this.#sequence = 0;
      this.#reader.restarted(`life ${life}`, `${life}`);
      // What a new stream does not have any more was never in it, as far as its reader knows.
      this.#sequence = first - 1;
      return true;
    }
    if (this.#paused || this.#sequence + 1 >= end) return false;
    if (this.#sequence + 1 < first) {
      this.#reader.missed(this.#sequence + 1, first);
      this.#sequence = first - 1;
      return true;
    }
    this.#sequence++;
    this.#reader.message(this.#sequence, this.#engine.message(this.#sequence));
    return true;
  }
}
