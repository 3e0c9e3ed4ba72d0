/**
 * An observed socket: passes every call of the core on to the memory adapter's, and holds it against the model.
 *
 * @module
 */

import { HUP, READABLE, type Socket, WRITABLE } from "../../src/contract/adapter.ts";
import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import type { Token } from "../../src/contract/token.ts";
import type { Authorization } from "./authorizer.ts";
import type { Client } from "./client.ts";
import type { Stream } from "./model.ts";
import type { Simulation } from "./simulation.ts";
import { WebSide } from "./web_side.ts";

/** What the next call on a socket finds, by the number of the way. */
export const TRAPS = [
  "a reset at the next write",
  "a write that throws",
  "a read that throws",
  "a reset at the next read",
  "an event after close",
  "a reset at shutdown",
] as const;

/** Bytes: a chunk of so many is worth keeping for the decoder. */
const LARGE_CHUNK = 1024;

/** The server's end of one connection. */
export class CheckedSocket implements Socket {
  token!: Token;
  readonly client: Client;
  readonly stream: Stream;
  readonly inner: PairedSocket;
  /** What it is sent besides its feed, where it is a WebSocket connection. */
  readonly web: WebSide | undefined;
  readonly #simulation: Simulation;
  /** The end of the last frame that the core has read to its end. */
  #boundaryRead = 0;

  /** Which of {@link TRAPS} waits for the core; -1: none. */
  trap = -1;
  /** It threw: the core may remove it as `internal`. */
  threw = false;
  /** Bytes that the core has read. */
  bytesRead = 0;
  /** The last read found nothing more: the next bytes are an edge. */
  drained = true;
  /** READABLE was reported, and since then no read has found nothing. */
  reported = false;
  /** The core saw the end of the stream. */
  sawEnd = false;
  /** HUP was reported. */
  sawFinal = false;
  /** ERROR was reported. */
  sawError = false;
  /** It has not joined yet: it has not sent the secret, or the application has not let it. */
  unauthenticated: boolean;
  /** Whether it has sent the secret, or need not. */
  proven: boolean;
  /** What the application answers about it; `undefined`: it was not asked. */
  authorization: Authorization | undefined;
  /** When it came. */
  readonly since: number;
  /** The last write was short, and WRITABLE was not reported since. */
  blocked = false;
  /** WRITABLE was reported in this tick, and it was blocked. */
  resumes = false;
  /** Since when it takes nothing, as far as the core can know. */
  waitingSince: number | undefined;
  /** When something last came from it, or was taken by it. */
  lastActivity: number;
  /** When the core read the first byte of the frame that is not whole yet. */
  frameSince = 0;
  shut = false;
  /** When. */
  shutAt: number = Infinity;
  /** Bytes that were pending for it after the last tick. */
  lag = 0;
  closed = false;
  /** A write of this tick was short. */
  shortInTick = false;
  /** Writes of this tick. */
  writesInTick = 0;
  /** What it had been given before this tick. */
  before: { readonly bytes: number; readonly frames: number } = { bytes: 0, frames: 0 };

  constructor(simulation: Simulation, inner: PairedSocket, client: Client, stream: Stream) {
    this.#simulation = simulation;
    this.inner = inner;
    this.client = client;
    this.stream = stream;
    this.lastActivity = this.since = simulation.now;
    this.web = client.web && new WebSide(simulation, this, client.web);
    stream.keepsTrack = this.web === undefined;
    this.proven = client.listener.secret === undefined && this.web === undefined;
    this.unauthenticated = !this.proven || simulation.application?.authorizer.isAsked === true;
  }

  get remoteAddress(): string {
    return this.client.home.client(this.client.number);
  }

  get error(): Error | undefined {
    return this.inner.error;
  }

  /** Bytes of the client that the core has read end at a frame boundary. */
  get atBoundary(): boolean {
    return this.client.author.boundaries.has(this.bytesRead) ||
      this.bytesRead >= (this.client.web?.closedAt ?? Infinity);
  }

  /** Frames of its client that the core has read to their ends. */
  get whole(): number {
    const { author } = this.client;
    return author.wholeWithin(Math.min(this.bytesRead, author.poisonedAt));
  }

  /** Bytes that came of the frame that is not whole: the core has to hold them. */
  get leastHeld(): number {
    const { web } = this.client;
    if (web === undefined) return this.bytesRead - this.#boundaryRead;
    // Nothing is known of a stream that is cut twice.
    return web.isPacked || !this.client.sane ? 0 : web.dataWithin(this.#boundaryRead, this.bytesRead);
  }

  /** Bytes of memory that the core may hold of what it has read and not published. */
  get mostHeld(): number {
    if (this.bytesRead === 0 || this.stream.until !== Infinity) return 0;
    const { author } = this.client;
    const unpublished = this.bytesRead - (author.endsAt[author.published - 1] ?? 0);
    const { maxFrame } = this.#simulation.options;
    // Twice what came, the smallest rest of a chunk that is worth a copy, and the buffer that is kept for the next frame.
    return 2 * unpublished + (this.web === undefined ? 1024 : 1200) + Math.min(4096, Math.max(64, 2 * (8 + maxFrame)));
  }

  read(): Uint8Array | undefined | null {
    const simulation = this.#simulation;
    this.#mustBeOpen("read");
    if (!this.reported && !this.#mayBeReadAnyway) {
      simulation.violate("work", `${simulation.nameOf(this)} is read from, and no event named it`);
    }
    if (this.lag > simulation.options.maxLag / 2 && !this.#mustBeRead) {
      simulation.violate("limits", `${simulation.nameOf(this)} is read from, and is ${this.lag} bytes behind`);
    }
    if (this.unauthenticated && this.proven && this.web?.refused === undefined) {
      simulation.violate("unauthenticated", `${simulation.nameOf(this)} is read from while the application decides`);
    }
    if (!this.unauthenticated && !this.#mustBeRead) simulation.checker.reading(this);
    const fault = simulation.sweptFault();
    if (this.#springs(2) || fault === "throw") this.#throw("read");
    if (fault === "reset") this.client.reset();
    if (this.#springs(3)) {
      this.client.reset();
      simulation.marks.reach("reset during a read");
    }
    const chunk = this.#ownChunk(this.inner.read());
    simulation.trace.note("read", this.token, chunk === undefined ? -1 : chunk === null ? -2 : chunk.length);
    if (chunk === undefined || chunk === null) {
      this.drained = true;
      this.reported = false;
      if (chunk === null && !this.sawEnd) {
        this.sawEnd = true;
        if (this.web !== undefined) return chunk;
        if (simulation.drains) this.stream.mayEndHere();
        else if (this.stream.until === Infinity) this.stream.end();
      }
      return chunk;
    }
    this.drained = false;
    if (this.atBoundary) this.frameSince = simulation.now;
    this.#passBoundaries(chunk.length);
    this.#noteHowRead(chunk.length);
    this.web?.hasRead(this.bytesRead);
    if (this.web?.refused !== undefined) return chunk;
    if (this.unauthenticated && simulation.admission.proves(this, chunk.length)) {
      this.proven = true;
      if (simulation.application?.authorizer.isAsked !== true) this.join();
    }
    return chunk;
  }

  /** It joins: its stream begins here. */
  join(): void {
    this.unauthenticated = false;
    if (this.web !== undefined) this.web.pingedAt = this.#simulation.now;
    if (this.blocked) this.waitingSince = this.#simulation.now;
    this.stream.begin();
  }

  write(bytes: Uint8Array): number {
    const simulation = this.#simulation;
    this.#mustBeOpen("write");
    if (this.shut) simulation.violate("touched", `${simulation.nameOf(this)} is written to after shutdown`);
    const isOfFeed = this.web?.isOfFeed(bytes) ?? true;
    if (this.unauthenticated && isOfFeed) {
      simulation.violate("unauthenticated", `${simulation.nameOf(this)}, an unauthenticated connection, is written to`);
    }
    if (bytes.length === 0) simulation.violate("work", `${simulation.nameOf(this)} is given no bytes`);
    if (this.shortInTick) simulation.violate("work", `${simulation.nameOf(this)} is full and is written to again`);
    simulation.writing(this);
    const fault = simulation.sweptFault();
    if (this.#springs(1) || fault === "throw") this.#throw("write");
    if (fault === "reset") this.client.reset();
    if (this.#springs(0)) {
      this.client.reset();
      simulation.marks.reach("reset during the broadcast");
    }
    const taken = fault === "full" ? this.#takeNothing() : this.inner.write(bytes);
    simulation.trace.note("write", this.token, bytes.length, taken);
    const missed = this.stream.gap !== undefined;
    const wrong = isOfFeed ? this.#give(bytes, taken) : this.web!.give(bytes, taken);
    if (missed && this.stream.gap === undefined) simulation.marks.reach("went on after a skip");
    if (wrong !== undefined) simulation.violate("stream", `${simulation.nameOf(this)} is ${wrong}`);
    if (isOfFeed) this.writesInTick++;
    this.shortInTick = this.blocked = taken < bytes.length;
    if (taken > 0 && isOfFeed) this.lastActivity = simulation.now;
    if (!this.blocked) this.waitingSince = undefined;
    else if (taken > 0 || this.waitingSince === undefined) this.waitingSince = simulation.now;
    if (this.blocked) this.#noteHowWritten();
    return taken;
  }

  shutdown(): void {
    const simulation = this.#simulation;
    this.#mustBeOpen("shutdown");
    if (this.shut) simulation.violate("touched", `${simulation.nameOf(this)} is shut down twice`);
    this.shut = true;
    this.shutAt = simulation.now;
    simulation.trace.note("shutdown", this.token);
    if (this.#springs(5)) this.client.reset();
    this.inner.shutdown();
  }

  close(): void {
    const simulation = this.#simulation;
    if (this.closed) simulation.violate("touched", `${simulation.nameOf(this)} is closed twice`);
    this.closed = true;
    simulation.trace.note("close", this.token);
    const unread = this.inner.bufferedBytes;
    this.inner.close();
    // Legal, and ignored.
    if (this.#springs(4)) simulation.network.waiting.push({ socket: this, readiness: READABLE | WRITABLE | HUP });
    simulation.removed(this, unread);
  }

  /**
   * A closing mob reads from all connections; what a leaving connection still sends is read and dropped. A connection that
   * was held back may be made ready twice, by an event and by the end of the hold.
   */
  get #mayBeReadAnyway(): boolean {
    const { drains, options } = this.#simulation;
    return drains || this.stream.until !== Infinity || this.web?.refused !== undefined ||
      options.slowConsumer === "block";
  }

  #give(bytes: Uint8Array, taken: number): string | undefined {
    this.web?.given(bytes, taken);
    if (this.web !== undefined && taken > 0) this.web.deliveredAt = this.#simulation.now;
    return this.stream.give(bytes, taken);
  }

  /** It is over, or leaves: what it has sent is read whatever its lag. */
  get #mustBeRead(): boolean {
    return this.sawFinal || this.#simulation.drains || this.stream.until !== Infinity;
  }

  /** A large chunk has a buffer of its own, as on the runtimes: the decoder keeps those as they are. */
  #ownChunk(chunk: Uint8Array | undefined | null): Uint8Array | undefined | null {
    return chunk && chunk.length >= LARGE_CHUNK ? chunk.slice() : chunk;
  }

  /** It is full, and there is room again at once. */
  #takeNothing(): number {
    this.#simulation.network.waiting.push({ socket: this, readiness: WRITABLE });
    return 0;
  }

  /** So many bytes were read. */
  #passBoundaries(length: number): void {
    const before = this.bytesRead;
    this.bytesRead += length;
    const { boundaries, poisonedAt } = this.client.author;
    let at = Math.min(this.bytesRead, poisonedAt);
    while (at > before && !boundaries.has(at)) at--;
    if (at > before) this.#boundaryRead = at;
    // Nothing is known of garbage.
    if (this.bytesRead > poisonedAt) this.#boundaryRead = this.bytesRead;
  }

  #mustBeOpen(call: string): void {
    if (!this.closed) return;
    this.#simulation.violate("touched", `${this.#simulation.nameOf(this)}: ${call} after close`);
  }

  #springs(trap: number): boolean {
    if (this.trap !== trap) return false;
    this.trap = -1;
    return true;
  }

  #throw(call: string): never {
    this.threw = true;
    this.#simulation.marks.reach("socket threw");
    throw new Error(`the simulated socket throws at ${call}`);
  }

  #noteHowRead(length: number): void {
    const { marks } = this.#simulation;
    const { author: { boundaries }, header, web } = this.client;
    if (web !== undefined) return;
    for (let back = 1; back < header; back++) {
      if (boundaries.has(this.bytesRead - back) && back < length + header) marks.reach("header read in parts");
    }
    if (this.sawFinal) marks.reach("final event with bytes unread");
  }

  #noteHowWritten(): void {
    if (this.stream.atBoundary) return;
    const into = this.stream.into;
    this.#simulation.marks.reach(into < this.client.header ? "header written in parts" : "frame written in parts");
  }
}
