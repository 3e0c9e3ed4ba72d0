/**
 * The engine of a simulated bus: one stream of messages, which fails as the choices demand.
 *
 * @module
 */

import type { BusStream, StreamPosition, StreamReader, StreamTerms } from "../../src/contract/bus_stream.ts";

/** What a reader is told of the stream, in order. */
export type Told =
  | { readonly sequence: number; readonly bytes: Uint8Array }
  | { readonly from: number; readonly to: number }
  | { readonly restarted: string; readonly life: string }
  | { readonly opened: number; readonly life: string };

/** What becomes of a message that is appended. */
export const FATES = ["lost", "unanswered", "late", "twice", "slowly answered", "lost slowly", "swallowed"] as const;

/** One of them. */
export type Fate = (typeof FATES)[number];

/** A message that was appended. */
interface Appended {
  readonly stream: EngineStream;
  readonly message: Uint8Array;
  readonly id: string;
  readonly stored: (sequence: number) => void;
  readonly failed: (error: Error) => void;
}

/** An answer that is on its way. */
interface Answer {
  readonly to: Appended;
  /** `undefined`: it is not known whether the message was stored. */
  readonly sequence: number | undefined;
}

/** What the world wants to know of its engine. */
export interface EngineWatch {
  /** A message is stored. */
  stored(life: number, sequence: number, message: Uint8Array, from: EngineStream | undefined): void;
  /** Something befalls a message that was appended. */
  befell(fate: Fate): void;
  /** What was appended is in the stream already, by its id; or was, and is not any more. */
  known(isThere: boolean, sequence: number, message: Uint8Array, from: EngineStream | undefined): void;
  /** A message is appended: it may be stored any time. */
  appended(message: Uint8Array, from: EngineStream): void;
}

/** One stream for all. */
export class Engine {
  /** How many lives it has had, */
  life = 1;
  /** and in which of them it came back empty for the last time. */
  empty = 1;
  maxMessage: number;
  /** The sequence of the first message that it still has. */
  first = 1;
  readonly log: Uint8Array[] = [];
  /** Appended, and not dealt with. */
  readonly waiting: Appended[] = [];
  /** Given up by those who have appended them, and still on their way. */
  readonly late: Appended[] = [];
  readonly answers: Answer[] = [];
  /** What befalls the next messages, the first first. */
  readonly fates: Fate[] = [];
  readonly streams: EngineStream[] = [];
  readonly #ids: Map<string, number> = new Map();
  readonly #watch: EngineWatch;

  constructor(maxMessage: number, watch: EngineWatch) {
    this.maxMessage = maxMessage;
    this.#watch = watch;
  }

  /** What mobs call its stream: another one when it has come back empty, not when it has lost its end. */
  get name(): string {
    return `${this.empty}`;
  }

  /** The sequence of the next message. */
  get end(): number {
    return this.first + this.log.length;
  }

  /** A mob's place on it. `told` is called before its reader. */
  stream(told: (told: Told) => void): EngineStream {
    const stream = new EngineStream(this, told);
    this.streams.push(stream);
    return stream;
  }

  /** Takes a message: it waits until it is dealt with. */
  append(appended: Appended): void {
    this.#watch.appended(appended.message, appended.stream);
    this.waiting.push(appended);
  }

  /** Stores a message, unless it has one of that id. Returns the sequence that it answers with. */
  store(message: Uint8Array, id: string | undefined, from?: EngineStream): number {
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known !== undefined) {
      this.#watch.known(isEqual(this.log[known - this.first], message), known, message, from);
      return known;
    }
    const sequence = this.end;
    this.log.push(message);
    if (id !== undefined) this.#ids.set(id, sequence);
    this.#watch.stored(this.life, sequence, message, from);
    return sequence;
  }

  /** Deals with the message that has waited longest, of those that can reach it. Returns whether there was one. */
  handle(): boolean {
    const index = this.waiting.findIndex(({ stream }) => !stream.isAway);
    const appended = this.waiting.splice(index, index === -1 ? 0 : 1)[0];
    if (!appended) return false;
    const { message, id, stream } = appended;
    const fate = this.fates.shift();
    if (fate) this.#watch.befell(fate);
    // It may have become too large meanwhile.
    if (fate === "lost" || message.length > this.maxMessage) this.answer({ to: appended, sequence: undefined });
    else if (fate === "lost slowly") this.answers.push({ to: appended, sequence: undefined });
    else if (fate === "swallowed") {
      // It knows the id from now on, and what it knows by it is another message.
      this.#ids.set(id, Math.max(1, this.end - 1));
      this.answer({ to: appended, sequence: undefined });
    } else if (fate === "late") {
      this.answer({ to: appended, sequence: undefined });
      this.late.push(appended);
    } else {
      const sequence = this.store(message, id, stream);
      if (fate === "twice") this.store(message, undefined, stream);
      if (fate === "slowly answered") this.answers.push({ to: appended, sequence });
      else this.answer({ to: appended, sequence: fate === "unanswered" ? undefined : sequence });
    }
    return true;
  }

  /** An answer comes, as soon as its mob's process runs. */
  answer({ to, sequence }: Answer): void {
    if (sequence === undefined) to.stream.mayBeStuck = true;
    to.stream.whenRunning(() => sequence === undefined ? to.failed(new Error("no answer came")) : to.stored(sequence));
  }

  /** What came late is stored now, or never. */
  storeLate(index: number, isStored: boolean): void {
    const [late] = this.late.splice(index, 1);
    if (late && isStored && late.message.length <= this.maxMessage) this.store(late.message, late.id, late.stream);
  }

  forget(): void {
    this.#ids.clear();
  }

  discard(count: number): void {
    const gone = Math.min(count, this.log.length);
    this.log.splice(0, gone);
    this.first += gone;
  }

  /**
   * It comes back without its last `count` messages, or empty. `remembers`: the ids of what is gone, too. `quietly`: those
   * whose last message it still has are not told.
   */
  restart(count: number, remembers: boolean, quietly: boolean): void {
    const gone = Math.min(count, this.log.length);
    const isEmpty = gone === this.log.length;
    for (const stream of this.streams) {
      if (quietly && !isEmpty && stream.position < this.end - gone) stream.goesOn(this.life);
    }
    this.life++;
    if (isEmpty) [this.first, this.empty] = [1, this.life];
    this.log.length -= gone;
    if (remembers) return;
    for (const [id, sequence] of this.#ids) if (sequence >= this.end || gone === 0) this.#ids.delete(id);
  }

  /** It cannot be reached by one mob any more: what that has appended is lost, stored or late, and gets no answer. */
  leave(stream: EngineStream, fate: Fate): void {
    stream.isAway = true;
    stream.whenRunning(() => stream.tellAway("the simulated engine is away"));
    for (const appended of this.waiting.filter((each) => each.stream === stream)) {
      this.waiting.splice(this.waiting.indexOf(appended), 1);
      this.#lose(appended, fate);
    }
    for (const each of this.answers.filter(({ to }) => to.stream === stream)) {
      this.answers.splice(this.answers.indexOf(each), 1);
      this.answer({ to: each.to, sequence: undefined });
    }
  }

  #lose(appended: Appended, fate: Fate): void {
    if (fate === "late" || fate === "slowly answered") this.late.push(appended);
    else if (fate !== "lost" && fate !== "lost slowly" && fate !== "swallowed") {
      this.store(appended.message, appended.id, appended.stream);
    }
    this.answer({ to: appended, sequence: undefined });
  }

  /** It can be reached again. */
  comeBack(stream: EngineStream): void {
    stream.isAway = false;
    stream.whenRunning(() => stream.tellAway(undefined));
  }
}

function isEqual(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one?.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** A mob's place on it. */
export class EngineStream implements BusStream {
  readonly name = "bus";
  reader: StreamReader | undefined;
  terms: StreamTerms | undefined;
  isAway = false;
  /** Whether its mob knows that. */
  isToldAway = false;
  /** Whether so little was stored of what its mob has appended that it may say that the engine is away. */
  mayBeStuck = false;
  isClosed = false;
  isPaused = false;
  /** What waits until the process of its mob runs again; `undefined`: it runs. */
  held: (() => void)[] | undefined;
  /** The sequence that it was told of last. */
  position = 0;
  readonly #engine: Engine;
  readonly #told: (told: Told) => void;
  #life = 0;
  /** Where it was opened, in this stream; 0 in one that came later. */
  #opened = 0;

  constructor(engine: Engine, told: (told: Told) => void) {
    this.#engine = engine;
    this.#told = told;
  }

  get maxMessage(): number {
    return this.#engine.maxMessage;
  }

  /** The life of the engine that it reads. */
  get life(): number {
    return this.#life;
  }

  open(reader: StreamReader, terms: StreamTerms, history: number): Promise<StreamPosition> {
    const { end, life, first, log } = this.#engine;
    this.reader = reader;
    this.terms = terms;
    this.position = end - 1;
    for (let bytes = 0; bytes < history && this.position >= first; this.position--) {
      bytes += log[this.position - first]!.length;
    }
    this.#opened = this.position;
    this.#life = life;
    this.#told({ opened: this.position, life: this.#engine.name });
    return Promise.resolve({ sequence: this.position, epoch: this.#engine.name, last: end - 1 });
  }

  append(message: Uint8Array, id: string): Promise<number> {
    this.mayBeStuck ||= message.length > this.maxMessage;
    if (this.isAway || message.length > this.maxMessage) return Promise.reject(new Error("it cannot be appended"));
    return new Promise((stored, failed) => this.#engine.append({ stream: this, message, id, stored, failed }));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  /** Tells its mob that the engine is away, and why, or back. */
  tellAway(why: string | undefined): void {
    this.isToldAway = why !== undefined;
    if (why === undefined) this.reader?.back();
    else this.reader?.away(why);
  }

  /** It does not see that the engine begins another life after this one. */
  goesOn(life: number): void {
    if (this.#life === life) this.#life++;
  }

  /** Does something now, or when the process of its mob runs again. */
  whenRunning(act: () => void): void {
    if (this.held) this.held.push(act);
    else if (!this.isClosed) act();
  }

  /** Tells its reader what comes next. Returns whether there was something. */
  deliver(): boolean {
    const { first, end, life, log, empty } = this.#engine;
    const { reader } = this;
    if (!reader || this.isAway || this.isClosed || this.isPaused || this.held) return false;
    const next = this.position + 1;
    if (life !== this.#life) {
      if (empty > this.#life) this.#opened = 0;
      this.#life = life;
      this.position = this.#opened = Math.max(first - 1, Math.min(this.#opened, end - 1));
      const restarted = `the simulated engine began life ${life}`;
      this.#told({ restarted, life: this.#engine.name });
      reader.restarted(restarted, this.#engine.name);
    } else if (next < first) {
      this.position = first - 1;
      this.#told({ from: next, to: first });
      reader.missed(next, first);
    } else if (next < end) {
      this.position = next;
      const bytes = log[next - first]!;
      this.#told({ sequence: next, bytes });
      reader.message(next, bytes);
    } else return false;
    return true;
  }
}
