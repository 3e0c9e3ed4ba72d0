/**
 * A client of a mob on a simulated bus: what it sends, and what it must receive.
 *
 * @module
 */

import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import type { Token } from "../../src/contract/token.ts";
import type { FramingName } from "../../src/framing/framing.ts";
import { concat } from "../helpers/bytes.ts";
import { type BusAuthor, isSame, originOf } from "./bus_author.ts";
import type { BusMob } from "./bus_mob.ts";
import { carriedBetween, checkAnswer, checkBeginning, type Place } from "./bus_past.ts";
import { HelloWire, PlainWire, type Wire } from "./bus_wire.ts";

/** Bytes that a client sends at once, except the first frame. */
const BURST = 16 * 1024;

/** A client. */
export class BusClient {
  readonly mob: BusMob;
  readonly author: BusAuthor;
  /** How it speaks. */
  readonly wire: Wire;
  /** The client whose stream it goes on with. */
  readonly resumedFrom: BusClient | undefined;
  /** Up to where that had received the stream when this one came. */
  readonly cameFrom: Place | undefined;
  /** Whether its mob must know where it goes on, and what the history holds of that. */
  mustBeKnown = false;
  eager: boolean;
  socket!: PairedSocket;
  token: Token | undefined;
  /** Whether it broke the connection, ended its half, or saw the end. */
  broken = false;
  finished = false;
  over = false;
  /** Whether it ended its half inside a frame. */
  isCutShort = false;
  finishedAt = 0;
  /** How much its mob had published then. */
  publishedAtFinish = 0;
  /** Why the mob says that it left. */
  reason: string | undefined;
  /** Whether it receives what is published: it may have to send something first. */
  isJoined = false;
  /** The tick in which a gap was told before it had joined, or after, and the place of that. */
  #gapInTick: { readonly tick: number; readonly at: number } | undefined;
  /** Where its stream begins, where the past of its mob begins for it, and where that ended when it joined. */
  begins = 0;
  pastBegins = 0;
  /** How many frames of that are in its stream. */
  replayed = 0;
  joinedAt = 0;
  /** The place in its mob's order of the frame that it must receive next. */
  at = 0;
  /** The place of the first gap that it has not outlived. */
  gapAt: number | undefined;
  /** Frames that it has received, that were its own, that its framing does not carry, and that it has missed under `skip`. */
  readonly counts: { received: number; own: number; uncarried: number; missed: number } = {
    received: 0,
    own: 0,
    uncarried: 0,
    missed: 0,
  };
  readonly #outbox: Uint8Array[] = [];
  #isChecked = false;
  #isAnswered = false;
  /** The last gap that its mob had told when it joined. */
  #since = 0;

  constructor(mob: BusMob, author: BusAuthor, eager: boolean, wire?: Wire, resumedFrom?: BusClient) {
    this.mob = mob;
    this.author = author;
    this.wire = wire ?? new PlainWire(author.framing as FramingName);
    this.resumedFrom = resumedFrom;
    this.cameFrom = resumedFrom?.place;
    this.eager = eager;
    if (this.wire.greeting) this.#outbox.push(this.wire.greeting);
  }

  /** It has joined, when its mob had published so much, `since` its last gap. */
  joins(end: number, since: number): void {
    this.isJoined = true;
    this.#since = since;
    this.at =
      this.begins =
      this.pastBegins =
      this.joinedAt =
        end;
    const { history = 0 } = this.mob.settings;
    if (history > 0) {
      this.pastBegins = this.mob.past.start(this.mob.published, history, this.wire, end, since);
      const row = this.mob.mob.connections().find(({ token }) => token === this.token);
      this.at = this.begins = row ? checkBeginning(this, since, row.replayed.frames) : this.pastBegins;
    }
    this.replayed = carriedBetween(this.mob, this.wire, this.begins, this.joinedAt);
    if (this.#gapInTick?.tick === this.mob.ticks) this.gapAt ??= this.#gapInTick.at;
  }

  /** Its mob tells a gap, behind which it gets nothing. */
  gap(at: number): void {
    if (this.isJoined) this.gapAt ??= at;
    else if (this.#gapInTick?.tick !== this.mob.ticks) this.#gapInTick = { tick: this.mob.ticks, at };
  }

  /** Whether it is there. */
  get isPresent(): boolean {
    return this.token !== undefined && !this.broken && !this.over;
  }

  /** Whether it can send. */
  get speaks(): boolean {
    return this.isPresent && !this.finished;
  }

  /** Whether it has something left to send. */
  get isWaiting(): boolean {
    return this.speaks && this.#outbox.length > 0;
  }

  /** Sends some frames. */
  say(size: number, count: number, newlines: boolean): void {
    if (!this.speaks) return;
    for (let left = Math.min(count, Math.ceil(BURST / size)); left > 0; left--) {
      this.#outbox.push(this.wire.encode(this.author.say(size, newlines && left % 2 === 0)));
    }
    this.push();
  }

  /** Sends what it has to send, as far as it is taken. */
  push(): void {
    if (!this.isWaiting) return;
    const bytes = this.#outbox.length === 1 ? this.#outbox[0]! : concat(...this.#outbox);
    const taken = this.socket.write(bytes);
    this.#outbox.length = 0;
    if (taken < bytes.length) this.#outbox.push(bytes.subarray(taken));
  }

  /** Ends its half of the stream. What it has not sent it never does. */
  finish(): void {
    if (!this.speaks) return;
    this.finished = true;
    this.finishedAt = this.mob.now;
    this.publishedAtFinish = this.mob.published.length;
    this.isCutShort = this.#outbox.length > 0;
    if (this.#saysGoodbye()) return;
    this.#outbox.length = 0;
    this.socket.shutdown();
  }

  /** A WebSocket client may end with a close frame, and wait for that of the server. Returns whether it does. */
  #saysGoodbye(): boolean {
    if (!this.wire.goodbye || !this.isJoined || this.#outbox.length > 0 || this.author.number % 3 === 0) return false;
    const bytes = this.wire.goodbye();
    this.isCutShort = this.socket.write(bytes) < bytes.length;
    return !this.isCutShort;
  }

  /** Breaks the connection. */
  reset(): void {
    if (!this.isPresent) return;
    this.broken = true;
    this.socket.reset();
  }

  /** Reads up to so many bytes, and looks at each frame. */
  receive(limit: number): void {
    const { world } = this.mob;
    let left = limit;
    while (left > 0 && this.isPresent) {
      const chunk = this.socket.read();
      if (chunk === undefined) break;
      if (chunk === null) {
        this.over = true;
        break;
      }
      left -= chunk.length;
      world.moved += chunk.length;
      world.trace.note("received", this.author.number, chunk.length);
      const payloads = this.wire.read(chunk);
      this.#readWire();
      for (const payload of payloads) this.#take(payload);
    }
    if (this.socket.error) this.over = true;
    this.checkEnd();
  }

  /** Up to where it has received the order of a mob; `undefined`: of none. */
  get place(): Place | undefined {
    if (!this.#isAnswered) return this.cameFrom;
    const { mob, at } = this;
    return at === this.begins ? this.beginning : { mob, at, isBehindGap: false };
  }

  /** Where its stream begins. */
  get beginning(): Place {
    return { mob: this.mob, at: this.begins, isBehindGap: this.#since > 0 && this.#since === this.begins };
  }

  /** Bytes of control frames and greetings that may wait for it. */
  get #control(): number {
    return this.wire.goodbye ? 400 : this.wire.isGreeted === false ? 64 : 0;
  }

  /** What came beside messages. */
  #readWire(): void {
    const { mob } = this;
    const wire: Wire = this.wire;
    if (wire.isRefused && !mob.isClosing) mob.violate("stream", `${this.name} was refused`);
    if (wire.wrong !== undefined) mob.violate("stream", `${this.name}: ${wire.wrong}`);
    if (wire instanceof HelloWire && wire.answer && !this.#isAnswered) {
      this.#isAnswered = true;
      checkAnswer(this, wire);
    }
    for (const answer of this.wire.answers?.() ?? []) if (this.speaks) this.#outbox.push(answer);
  }

  #take(payload: Uint8Array): void {
    const { mob, name } = this;
    for (;;) {
      const next = mob.published[this.at];
      if (!next || (this.gapAt !== undefined && this.at >= this.gapAt)) {
        const { author, index } = originOf(payload);
        const why = next ? "behind a gap" : "that was not published, or came before";
        return mob.violate("stream", `${name} received frame ${index} of ${author} ${why}`);
      }
      if (!this.#isLeftOut(next) && isSame(next, payload)) {
        this.at++;
        this.counts.received++;
        return;
      }
      if (!this.#passes(next)) {
        const { author, index } = originOf(next);
        return mob.violate("stream", `${name} missed frame ${index} of ${author}, at place ${this.at}`);
      }
    }
  }

  /** Goes on behind a frame that it need not receive. Returns whether it needs not. */
  #passes(payload: Uint8Array): boolean {
    if (this.#isOwn(payload)) this.counts.own++;
    else if (!this.wire.carries(payload)) this.counts.uncarried++;
    else if (this.mob.settings.slowConsumer === "skip") this.counts.missed++;
    else return false;
    this.at++;
    return true;
  }

  #isLeftOut(payload: Uint8Array): boolean {
    return this.#isOwn(payload) || !this.wire.carries(payload);
  }

  #isOwn(payload: Uint8Array): boolean {
    return this.mob.settings.echo === "others" && originOf(payload).author === this.author.number;
  }

  /** Passes what it need not receive, without what it misses under `skip`. */
  passLeftOut(): void {
    for (let next = this.mob.published[this.at]; next && this.#isLeftOut(next); next = this.mob.published[this.at]) {
      if (this.at === this.gapAt) return;
      this.#passes(next);
    }
  }

  /** Passes whatever is left, as a connection does that is skipped to the end. */
  passAll(): void {
    for (let next = this.mob.published[this.at]; next && this.#passes(next); next = this.mob.published[this.at]);
  }

  /** Bytes of its feed that it has not received, its own among them: it may not have passed them yet. */
  get behind(): number {
    const { published } = this.mob;
    let bytes = this.wire instanceof PlainWire ? -this.wire.rest : 0;
    for (let at = this.at; at < published.length; at++) {
      if (this.wire.carries(published[at]!)) {
        bytes += this.wire.size(published[at]!.length) + (this.wire.overhead ?? 0);
      }
    }
    return bytes;
  }

  // --- its end ---

  /** The mob says that it left. */
  left(reason: string): void {
    this.reason = reason;
    const missing = this.#causeIsMissing(reason);
    if (missing) this.mob.violate("ends", `${this.name} left for ${reason}: ${missing}`);
    if (reason === "lagged") this.mob.world.marks.reach("lagged");
    this.checkEnd();
  }

  #causeIsMissing(reason: string): string | undefined {
    const { settings, isClosing } = this.mob;
    const { slowConsumer, maxLag } = settings;
    switch (reason) {
      case "end":
        // A break looks like an end to a process that was stopped, and reads before it hears of it.
        return this.finished || this.broken ? undefined : "it has not ended its stream";
      case "truncated":
        return this.isCutShort || this.broken ? undefined : "its last frame is whole";
      case "reset":
        return this.broken || this.over ? undefined : "it has not broken the connection";
      case "gap":
        return this.gapAt === undefined ? "no gap was told, or under skip" : undefined;
      case "shutdown":
        return isClosing ? undefined : "the mob is not closed";
      case "lagged":
        if (slowConsumer === "block" || (slowConsumer === "skip" && !this.finished)) return `under ${slowConsumer}`;
        return this.behind + this.#control > maxLag ? undefined : `it is ${this.behind} bytes behind, of ${maxLag}`;
      case "stalled":
        return this.behind + this.#control > 0 ? undefined : "nothing is left for it";
      default:
        return "there is no such reason here";
    }
  }

  /** It saw the end, and it is known why: it must have received everything up to there. */
  checkEnd(): void {
    if (!this.over || this.reason === undefined || this.#isChecked || this.socket.error) return;
    this.#isChecked = true;
    const { mob, name } = this;
    if (!this.wire.isWhole) mob.violate("stream", `${name} got the end inside a frame`);
    this.passLeftOut();
    this.#checkCode();
    if (this.reason === "gap") {
      mob.world.marks.reach("gap cut");
      if (this.at !== this.gapAt) {
        mob.violate("stream", `${name} got the end at ${this.at}, the gap is at ${this.gapAt}`);
      }
    } else if (this.reason === "end") this.#checkOwn();
  }

  /** A WebSocket client is told why it ends. */
  #checkCode(): void {
    const { closeCode, goodbyeCode, feed } = this.wire;
    if (feed !== "websocket" && feed !== "mobcast.u64") return;
    const due = this.reason === "end" ? goodbyeCode : this.reason === "gap" ? 1013 : undefined;
    const isRight = closeCode === due || (this.reason === "shutdown" && closeCode === 1001);
    if (!isRight) this.mob.violate("ends", `${this.name} left for ${this.reason} with code ${closeCode}, not ${due}`);
    if (closeCode !== undefined) this.mob.world.marks.reach(this.reason === "gap" ? "web gap" : "web close");
  }

  /** It ended its half: its own last frames have come before the end. */
  #checkOwn(): void {
    const { mob, name } = this;
    const { marks } = mob.world;
    const { last, count, lost } = mob.countOf(this.author);
    if (mob.settings.slowConsumer === "skip") this.passAll();
    const hasAll = this.at > last && count + lost === this.author.read;
    if (hasAll) {
      if (last >= this.publishedAtFinish) marks.reach("end with own frames");
      return;
    }
    marks.reach("end without own frames");
    if (mob.now - this.finishedAt < mob.settings.drainTimeout && !mob.isClosing && this.gapAt === undefined) {
      mob.violate("ends", `${name} got the end without its own last frames`);
    }
  }

  /** Its name in messages. */
  get name(): string {
    return `client ${this.author.number} of mob ${this.mob.number}`;
  }
}
