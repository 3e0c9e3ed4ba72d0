/**
 * A feed: one log in one framing, with the connections that receive it and the slow-consumer policy.
 *
 * @module
 */

import type { FrameRules } from "../framing/framing.ts";
import { queueControl, restOf, sendControl } from "./control.ts";
import { BlockedList } from "./blocked_list.ts";
import { CurrentList } from "./current_list.ts";
import type { BatchLog, FeedKind } from "./feed_kind.ts";
import type { FeedEvents } from "./feed_events.ts";
import { Log, segmentSizeFor } from "./log.ts";
import { type LogRange, LogRanges } from "./log_ranges.ts";
import type { BroadcastOptions } from "./options.ts";
import { beginStream, Past } from "./history.ts";
import { reframe } from "./reframe.ts";
import type { Subscriber } from "./subscriber.ts";

/** Writes one log to its connections, one write each a tick, and applies the policy to those that do not keep up. */
export class Feed<Member extends Subscriber = Subscriber> {
  /** What kind of feed it is. */
  readonly kind: FeedKind;
  /** How its frames are delimited. */
  readonly framing: FrameRules;
  /** What all its connections receive. */
  readonly log: Log;
  /** How many connections receive the feed. */
  subscribers = 0;
  /** Frames that its framing cannot carry: they count as skipped. */
  uncarried = 0;
  /** Bytes that those frames would have had. */
  uncarriedBytes = 0;
  /** Calls of `write` on sockets. */
  writes = 0;
  /** What the next connection receives first. */
  readonly past: Past;

  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  /** The log, when it collects frames. */
  readonly #batches: BatchLog | undefined;
  /** Current connections: each gets what a tick has published, in one write. */
  readonly #current: CurrentList<Member> = new CurrentList();
  /** Connections whose socket became writable in this tick, and leaving ones. */
  #ready: Set<Member> = new Set();
  /** Blocked connections, the furthest behind first. */
  readonly #blocked: BlockedList<Member>;
  #flushedTo = 0;

  /** Makes a feed with an empty log. */
  constructor(kind: FeedKind, options: BroadcastOptions, events: FeedEvents<Member>) {
    this.kind = kind;
    this.framing = kind.framing;
    const segmentSize = segmentSizeFor(options.maxLag);
    this.#batches = kind.log?.(segmentSize);
    this.log = this.#batches ?? new Log({ segmentSize }, kind.framing);
    this.past = new Past(options.history);
    this.#options = options;
    this.#events = events;
    this.#blocked = new BlockedList(options, events);
  }

  /** Whether one connection is so far behind that none may be read from (`block`). */
  get backpressure(): boolean {
    return this.#blocked.backpressure;
  }

  /** Whether what is published is appended. Without connections it is only for the history that the next one receives. */
  get isUsed(): boolean {
    return this.subscribers > 0 || this.past.bytes > 0;
  }

  /** The most bytes that a payload of one byte takes in the feed. */
  get growth(): number {
    return this.framing.size(1) + (this.#batches?.overhead ?? 0);
  }

  // --- what is pending for a connection ---

  /** The offset where the connection's stream ends now: the log's end, or where that was when it began to leave. */
  endFor(connection: Subscriber): number {
    return connection.until < this.log.end ? connection.until : this.log.end;
  }

  /** How many frames the log had at {@link endFor}. */
  framesAtEndFor(connection: Subscriber): number {
    return connection.until <= this.log.end ? connection.framesAtUntil : this.log.frames;
  }

  /** Bytes that are pending for the connection. */
  lag(connection: Subscriber): number {
    const rest = connection.remainder?.length ?? 0;
    return connection.delivery === "skipping" ? rest : this.endFor(connection) - connection.cursor + rest;
  }

  /** Whether the connection is behind, including frames it is about to skip. */
  hasPending(connection: Subscriber): boolean {
    return connection.remainder !== undefined || connection.cursor < this.endFor(connection) ||
      connection.control !== undefined || connection.ending !== undefined;
  }

  // --- joining and leaving ---

  /** Adds a connection, which receives the history or goes on in it, and what is published from now on. */
  add(connection: Member): void {
    this.seal();
    this.subscribers++;
    connection.uncarried = -this.uncarried;
    connection.uncarriedBytes = -this.uncarriedBytes;
    beginStream(connection, this.log, this.past);
    if (!this.hasPending(connection)) this.#addCurrent(connection);
    else if (connection.full) this.#block(connection);
    else this.#makeReady(connection);
  }

  /**
   * Ends the connection's stream here, with `ending` as its last bytes. The connection is served once more, even when
   * nothing is pending.
   */
  finish(connection: Member, ending?: Uint8Array): void {
    this.seal();
    connection.ending = ending;
    connection.until = this.log.end;
    connection.framesAtUntil = this.log.frames;
    connection.uncarried += this.uncarried;
    connection.uncarriedBytes += this.uncarriedBytes;
    if (connection.delivery === "blocked" && connection.cursor === connection.until) {
      this.#blocked.remove(connection);
      this.#waitWithoutLog(connection);
    }
    if (connection.currentIndex === -1) return;
    this.#current.remove(connection);
    this.#makeReady(connection);
  }

  /** Removes a connection: nothing more is written to it. */
  remove(connection: Member): void {
    this.subscribers--;
    this.#blocked.remove(connection);
    this.#current.remove(connection);
    this.#ready.delete(connection);
  }

  /** Gives a connection a control frame of its protocol, at the next frame boundary. */
  giveControl(connection: Member, frame: Uint8Array): void {
    queueControl(connection, frame);
    if (connection.currentIndex === -1) return;
    this.#current.remove(connection);
    this.#makeReady(connection);
  }

  /** The connection's socket takes bytes again: what is pending is written at the end of this tick. */
  resume(connection: Member): void {
    if (connection.delivery === "skipping") {
      this.#ready.add(connection);
    } else if (connection.delivery === "blocked") {
      this.#blocked.remove(connection);
      this.#makeReady(connection);
    }
  }

  // --- publishing ---

  /** Ends the unit that the log collects, if it does: what comes now belongs to the next one. */
  seal(): void {
    this.#batches?.seal();
  }

  /** Appends `count` frames that are in this feed's framing. */
  append(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.log.append(bytes, start, end, count);
  }

  /** Appends one frame in this feed's framing that came in pieces. */
  appendPieces(pieces: readonly Uint8Array[], length: number): void {
    this.log.appendPieces(pieces, length);
  }

  /** Appends whole frames of another framing, each in this feed's own. Returns the bytes appended. */
  appendFrom(framing: FrameRules, bytes: Uint8Array, start: number, end: number): number {
    return reframe(framing, bytes, start, end, this.framing, this.log, (length) => {
      this.uncarried++;
      this.uncarriedBytes += length;
    });
  }

  /** Notes that the last `bytes` of the log are `count` frames of the sender, which does not receive them. */
  leaveOut(sender: Member, bytes: number, count: number): void {
    sender.own ??= new LogRanges();
    sender.own.add(this.log.end - bytes, this.log.end, count);
  }

  // --- the end of a tick ---

  /** Writes what is pending to each connection whose socket takes bytes. */
  flush(): void {
    this.seal();
    const ready = this.#ready;
    if (ready.size > 0) {
      this.#ready = new Set();
      for (const connection of ready) this.#serve(connection);
    }
    const published = this.log.end - this.#flushedTo;
    if (published === 0) return;
    this.#flushedTo += published;
    // The next tick probably publishes about as much as this one.
    this.log.reserve(published);
    const current = this.#current.members;
    for (let index = 0; index < current.length;) {
      const connection = current[index]!;
      if (this.#give(connection)) {
        if (connection.paused) this.#events.caughtUp(connection);
        index++;
      } else {
        // The last connection takes its place in the list, so the same index comes next.
        this.#current.remove(connection);
        this.#block(connection);
      }
    }
  }

  /**
   * Applies the slow-consumer policy after a flush. Returns the connections over `maxLag` that must be removed, and looks
   * at no others. Under `skip` those that are open start skipping instead; under `block` none is returned.
   */
  overLimit(): Member[] {
    const { slowConsumer, maxLag } = this.#options;
    const over: Member[] = [];
    let { first } = this.#blocked;
    while (first && slowConsumer !== "block" && this.log.end - first.cursor > maxLag) {
      this.#blocked.remove(first);
      if (slowConsumer === "disconnect" || first.until !== Infinity) over.push(first);
      else this.#skip(first);
      first = this.#blocked.first;
    }
    this.#blocked.watch(this.log.end);
    return over;
  }

  /**
   * Ends the tick: drops the part of the log that every connection has, but for the history, and sets or ends back-pressure
   * (`block`).
   */
  settle(): void {
    const furthest = Math.min(this.#blocked.first?.cursor ?? Infinity, this.log.end - this.past.bytes);
    this.log.trim(furthest);
    // No connection needs the log: free it.
    if (this.#current.members.length === 0 && furthest === this.log.end) this.log.clear();
    this.#blocked.settle(this.log.end);
  }

  #serve(connection: Member): void {
    if (!this.#give(connection)) return this.#block(connection);
    if (connection.until === Infinity) this.#addCurrent(connection);
    else connection.delivery = "current";
    this.#events.caughtUp(connection);
  }

  /** Writes until nothing is pending or the socket is full. Returns whether nothing is pending. */
  #give(connection: Member): boolean {
    const end = this.endFor(connection);
    if (connection.control) this.#leaveFrame(connection);
    if (connection.remainder && !this.#giveRemainder(connection)) return false;
    if (connection.control && !sendControl(connection, (bytes) => this.#sendControl(connection, bytes))) return false;
    if (connection.delivery === "skipping") this.#resumeAtTail(connection, end);
    let progressed = false;
    let full = false;
    while (connection.cursor < end && !full) {
      const own = connection.own?.first;
      const bytes = own ? this.#readOthers(connection, own, end) : this.#read(connection.cursor, end);
      if (!bytes) continue;
      const taken = this.#write(connection, bytes);
      if (taken > 0) {
        connection.cursor += taken;
        progressed = true;
      }
      full = taken < bytes.length;
    }
    const isDone = !full && (!connection.ending || this.#sendEnding(connection));
    if (progressed && (!isDone || this.#options.idleTimeout > 0)) this.#events.progressed(connection);
    return isDone;
  }

  /** The log's bytes from the cursor on, for one write. */
  #read(cursor: number, end: number): Uint8Array {
    const bytes = this.log.read(cursor);
    return bytes.length > end - cursor ? bytes.subarray(0, end - cursor) : bytes;
  }

  /** The same for a sender under `echo: "others"`; `undefined` when the cursor stepped over own frames instead. */
  #readOthers(connection: Member, first: LogRange, end: number): Uint8Array | undefined {
    if (first.from > connection.cursor) return this.#read(connection.cursor, Math.min(end, first.from));
    connection.framesSkipped += first.frames;
    connection.bytesSkipped += first.to - connection.cursor;
    connection.cursor = first.to;
    connection.own!.shift();
    return undefined;
  }

  #write(connection: Member, bytes: Uint8Array): number {
    const taken = this.#send(connection, bytes);
    connection.bytesDelivered += taken;
    return taken;
  }

  #send(connection: Member, bytes: Uint8Array): number {
    this.writes++;
    try {
      return connection.socket.write(bytes);
    } catch (error) {
      this.#events.failed(connection, error);
      return 0;
    }
  }

  #giveRemainder(connection: Member): boolean {
    const taken = this.#write(connection, connection.remainder!);
    connection.remainder = restOf(connection.remainder!, taken);
    if (taken > 0) this.#events.progressed(connection);
    return !connection.remainder;
  }

  // --- control frames ---

  /** Makes the rest of the frame in which the cursor is the remainder: the cursor is then at a frame boundary. */
  #leaveFrame(connection: Member): void {
    const { cursor } = connection;
    // Behind a remainder it is at one already, and while it skips the log may not hold it.
    if (connection.remainder || connection.delivery === "skipping") return;
    const boundary = this.log.boundaryAfter(cursor);
    if (boundary === cursor) return;
    connection.remainder = this.log.read(cursor).subarray(0, boundary - cursor);
    connection.remainderFrames = this.log.framesBefore(boundary) - this.log.framesBefore(cursor);
    connection.cursor = boundary;
  }

  #sendControl(connection: Member, bytes: Uint8Array): number {
    const taken = this.#send(connection, bytes);
    if (taken > 0) this.#events.tookControl(connection);
    return taken;
  }

  #sendEnding(connection: Member): boolean {
    connection.ending = restOf(connection.ending!, this.#sendControl(connection, connection.ending!));
    return !connection.ending;
  }

  // --- the skip policy ---

  /** Starts skipping: the rest of the half-sent frame stays pending, and all after it is skipped. */
  #skip(connection: Member): void {
    this.#blocked.tellSlow(connection);
    this.#leaveFrame(connection);
    connection.framesSkipped += this.log.frames - this.log.framesBefore(connection.cursor);
    connection.bytesSkipped += this.log.end - connection.cursor;
    connection.cursor = this.log.end;
    connection.skippedAt = this.log.frames;
    connection.delivery = "skipping";
  }

  /** Ends skipping: the connection goes on at the end of the log, and what was published meanwhile counts as skipped. */
  #resumeAtTail(connection: Member, end: number): void {
    connection.framesSkipped += this.framesAtEndFor(connection) - connection.skippedAt;
    connection.bytesSkipped += end - connection.cursor;
    connection.cursor = end;
    connection.delivery = "ready";
    connection.own = undefined;
  }

  // --- lists ---

  #block(connection: Member): void {
    if (connection.cursor === connection.until) {
      this.#waitWithoutLog(connection);
    } else if (connection.delivery !== "skipping") {
      connection.delivery = "blocked";
      this.#blocked.add(connection, this.log.end);
    }
    this.#events.blocked(connection);
  }

  /** Only control frames or its last bytes are left: it waits for WRITABLE, needs nothing of the log, and holds nobody back. */
  #waitWithoutLog(connection: Member): void {
    connection.skippedAt = connection.framesAtUntil;
    connection.delivery = "skipping";
  }

  #makeReady(connection: Member): void {
    connection.delivery = "ready";
    this.#ready.add(connection);
  }

  #addCurrent(connection: Member): void {
    connection.delivery = "current";
    connection.slow = false;
    this.#current.add(connection);
  }
}
