/**
 * The server's side of one WebSocket connection: what it has to send besides its feed, and in which order.
 *
 * @module
 */

import { concat } from "../helpers/bytes.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";
import { responseTo } from "./web_requests.ts";
import type { WebSpeaker } from "./web_speaker.ts";

/** Control frames that wait at most; then the first, which may be half sent, and the latest stay. */
const MOST_WAITING = 10;

const PING = 0x89;

/** The close code for each reason that has one; `end` has the client's. */
const CODES: Readonly<Record<string, number>> = {
  "shutdown": 1001,
  "idle": 1008,
  "frame-timeout": 1008,
  "unauthorized": 1008,
  "disconnected": 1008,
  "receive-memory": 1008,
  "frame-too-large": 1009,
  "internal": 1011,
};

/** A connection that is refused. */
export interface Refused {
  readonly reason: string;
  readonly at: number;
  /** The statuses or close codes of the answers that it may get; none: it gets none. */
  readonly answers: readonly number[];
}

/** What one WebSocket connection must be sent, and was. */
export class WebSide {
  /** What its client sends. */
  readonly speaker: WebSpeaker;
  /** Why it never joins. */
  refused: Refused | undefined;
  /** Whether it was refused when it came, and counts for no limit. */
  wasRefusedAtDoor = false;
  /** Why it leaves. */
  leaving: string | undefined;
  /** The code of its close frame; `undefined`: it gets none. */
  closeCode: number | undefined;
  /** Whether the core has read its request. */
  isUpgraded = false;
  /** Whether its last bytes were given, all of them. */
  isOver = false;
  /** Whether the last tick gave it something besides its feed. */
  wroteInTick = false;
  /** When a ping was last sent or began to count. */
  pingedAt = 0;
  /** When something besides its feed last waited. */
  busyAt = 0;
  /** When bytes of its feed were last given. */
  deliveredAt = 0;
  readonly #simulation: Simulation;
  readonly #socket: CheckedSocket;
  /** Control frames that wait, the response first. */
  #queue: Uint8Array[] = [];
  /** The rest of what is half given. */
  #rest: Uint8Array | undefined;
  #restIsLast = false;
  #answered = 0;
  /** When the core must have looked first whether a ping is due. */
  #lookedAt = 0;
  /** What was given and not received. */
  readonly #onItsWay: Uint8Array[] = [];

  constructor(simulation: Simulation, socket: CheckedSocket, speaker: WebSpeaker) {
    this.#simulation = simulation;
    this.#socket = socket;
    this.speaker = speaker;
  }

  /** Whether something besides its feed waits. */
  get isPending(): boolean {
    const isDue = this.closeCode !== undefined || this.refused !== undefined && this.refused.answers.length > 0;
    return this.#rest !== undefined || this.#queue.length > 0 || isDue && !this.isOver;
  }

  /** Bytes that were given and not received. */
  get unreceived(): number {
    return this.#onItsWay.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** The first thing that must have become of it by now and has not; `undefined`: nothing. */
  get missing(): string | undefined {
    const { pings, offence, closedAt } = this.speaker;
    const { bytesRead } = this.#socket;
    if (offence !== undefined && bytesRead >= offence.at) return "has broken a rule, and stays";
    if (bytesRead >= closedAt) return "has closed, and stays";
    const due = pings[this.#answered];
    return due !== undefined && due.endsAt <= bytesRead ? "has sent a ping, and it is not answered" : undefined;
  }

  /**
   * By how many milliseconds its ping is late. The core looks once an interval, and pings when nothing was delivered since the
   * last look: so it has to look twice, and the second time within an interval of the first.
   */
  latenessOfPing(): number {
    const { now, options: { pingInterval }, stops } = this.#simulation;
    const since = Math.max(this.pingedAt, this.deliveredAt, this.busyAt);
    if (this.#lookedAt <= since && now >= since + pingInterval + 10 + stops.excuse(since)) this.#lookedAt = now;
    return this.#lookedAt <= since ? 0 : now - this.#lookedAt - pingInterval - stops.excuse(this.#lookedAt);
  }

  // --- what is to be sent ---

  /** The core has control frames for it. */
  control(frame: Uint8Array): void {
    const { marks, now, options } = this.#simulation;
    if (frame[0] === PING) {
      if (this.#queue.length > 0) this.#wrong("is pinged while something else waits");
      const since = Math.max(this.pingedAt, this.deliveredAt);
      const waited = this.#simulation.stops.awake(since, now);
      if (options.pingInterval === 0 || waited < options.pingInterval) {
        this.#wrong(`is pinged after ${waited} ms, and pingInterval is ${options.pingInterval}`);
      }
      this.pingedAt = now;
      marks.reach("pinged");
    } else {
      const ping = this.speaker.pings[this.#answered++];
      if (ping === undefined || ping.endsAt > this.#socket.bytesRead) {
        return this.#wrong("is answered, and has not asked");
      }
      const due = concat(Uint8Array.of(0x8a, ping.payload.length), ping.payload);
      if (!isSame(frame, due)) return this.#wrong("is answered with something else than it has sent");
      if (this.#socket.blocked && !this.#socket.stream.atBoundary) marks.reach("ping inside a frame");
      if (!this.#socket.client.author.boundaries.has(ping.endsAt)) marks.reach("ping inside a message");
      if (this.#socket.unauthenticated) marks.reach("ping before the secret");
    }
    this.busyAt = now;
    this.#makeRoom();
    this.#queue.push(frame);
  }

  /** The core has read so many bytes of it. */
  hasRead(bytes: number): void {
    if (this.isUpgraded || this.refused !== undefined || bytes < this.speaker.headEnds) return;
    this.isUpgraded = true;
    this.#queue.push(responseTo(this.speaker.key, this.speaker.isPacked));
    this.#simulation.marks.reach(this.speaker.isPacked ? "upgraded to mobcast.u64" : "upgraded");
    if (bytes > this.speaker.headEnds) this.#simulation.marks.reach("frames behind the request");
  }

  /** The first, which may be half given, and the latest are enough. */
  #makeRoom(): void {
    const isHalfGiven = this.#rest !== undefined;
    if (this.#queue.length + (isHalfGiven ? 1 : 0) < MOST_WAITING) return;
    this.#queue.splice(isHalfGiven ? 0 : 1);
    this.#simulation.marks.reach("too many pings");
  }

  /** The core lets it go, with these bytes behind its feed. */
  leaves(reason: string, ending: Uint8Array | undefined): void {
    const { offence, closeCode, closedAt } = this.speaker;
    const hasClosed = this.#socket.bytesRead >= closedAt;
    this.leaving = reason;
    this.closeCode = reason === "protocol-error"
      ? offence?.code
      : reason === "end"
      ? hasClosed ? closeCode ?? 1000 : undefined
      : CODES[reason];
    const { marks } = this.#simulation;
    if ((ending === undefined) !== (this.closeCode === undefined)) {
      this.#wrong(`leaves for ${reason} without a close frame`);
    }
    if (reason === "end") marks.reach(hasClosed ? "closed by the client" : "ended without a close frame");
    if (this.closeCode !== undefined && this.#socket.blocked) marks.reach("close frame waits");
  }

  /** It was refused. */
  refuse(reason: string, answers: readonly number[]): void {
    this.refused = { reason, at: this.#simulation.now, answers };
    if (answers.length > 0) this.#makeRoom();
  }

  // --- what is sent ---

  /** Whether bytes that the core writes are of the feed. */
  isOfFeed(bytes: Uint8Array): boolean {
    return this.#rest === undefined && (!this.#socket.stream.atBoundary || bytes[0] === 0x82);
  }

  /** Something else was written than bytes of the feed. Returns what is wrong with that, if anything. */
  give(bytes: Uint8Array, taken: number): string | undefined {
    this.wroteInTick = true;
    this.busyAt = this.#simulation.now;
    const wrong = this.#rest === undefined
      ? this.#begin(bytes)
      : isSame(bytes, this.#rest)
      ? undefined
      : "given other bytes than the rest";
    this.given(bytes, taken);
    this.#rest = taken === bytes.length ? undefined : bytes.slice(taken);
    if (this.#rest !== undefined && taken > 0) this.#simulation.marks.reach("control frame in parts");
    if (this.#rest === undefined && this.#restIsLast) this.isOver = true;
    return wrong;
  }

  /** Bytes are on their way to the client. */
  given(bytes: Uint8Array, taken: number): void {
    if (taken > 0) this.#onItsWay.push(bytes.slice(0, taken));
  }

  /** The client received some bytes. Returns what is wrong with that, if anything. */
  receive(bytes: Uint8Array): string | undefined {
    for (let from = 0; from < bytes.length;) {
      const first = this.#onItsWay[0];
      if (first === undefined) return "the client received what it was not given";
      const length = Math.min(first.length, bytes.length - from);
      if (!isSame(first.subarray(0, length), bytes.subarray(from, from + length))) {
        return "the client received other bytes than it was given";
      }
      from += length;
      if (length === first.length) this.#onItsWay.shift();
      else this.#onItsWay[0] = first.subarray(length);
    }
    return undefined;
  }

  #begin(bytes: Uint8Array): string | undefined {
    if (this.isOver || this.#restIsLast) return "given something behind its last bytes";
    if (!this.isUpgraded) return this.#beginResponse(bytes);
    if (bytes[0] === 0x88) return this.#beginClose(bytes);
    const due = this.#queue.shift();
    return due !== undefined && isSame(bytes, due)
      ? undefined
      : `given ${bytes.length} bytes that begin with ${bytes[0]}`;
  }

  #beginResponse(bytes: Uint8Array): string | undefined {
    const { refused } = this;
    const status = Number(String.fromCharCode(...bytes.subarray(0, 13)).split(" ")[1]);
    this.#restIsLast = true;
    return refused?.answers.includes(status) ? undefined : `given status ${status}, not ${refused?.answers}`;
  }

  #beginClose(bytes: Uint8Array): string | undefined {
    const { refused, closeCode } = this;
    const { stream } = this.#socket;
    const code = bytes.length > 3 ? bytes[2]! * 256 + bytes[3]! : -1;
    this.#restIsLast = true;
    if (this.#socket.resumes) stream.resumeAtEnd(this.#simulation.options.slowConsumer === "skip");
    stream.hop();
    if (this.#queue.length > 0) return "given its close frame, and control frames wait";
    if (bytes[1] !== bytes.length - 2) return "given two frames at once";
    if (refused !== undefined) return refused.answers.includes(code) ? undefined : `given close code ${code}`;
    if (code !== closeCode) return `given close code ${code}, not ${closeCode}`;
    return stream.at === stream.until ? undefined : `given its close frame at ${stream.at} of ${stream.until}`;
  }

  #wrong(what: string): void {
    this.#simulation.violate("control frames", `${this.#simulation.nameOf(this.#socket)} ${what}`);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
