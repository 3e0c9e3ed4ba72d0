/**
 * A registry that records all that an adapter tells, and what breaks a rule of the contract.
 *
 * @module
 */

import { assert, assertEquals, fail } from "@std/assert";
import {
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import type { Token } from "../../src/contract/token.ts";
import { Slab } from "../../src/reactor/slab.ts";
import { assertPattern, pattern, STEP } from "./pattern.ts";
import { type Bell, pause } from "./wait.ts";

/** The events that end a connection. */
export const FINAL: Readiness = HUP | ERROR;

/** One end of a connection, and everything that was reported for it. */
export class Link {
  readonly socket: Socket;
  /** Every event, in order. */
  readonly reported: Readiness[] = [];
  /** Bytes that were read. */
  received = 0;
  /** Bytes that were taken. */
  sent = 0;
  /** Whether {@link close} was called. */
  closed = false;

  readonly #bell: Bell;

  constructor(bell: Bell, socket: Socket) {
    this.#bell = bell;
    this.socket = socket;
  }

  /** How many events had one of these bits. */
  count(bits: Readiness): number {
    return this.reported.filter((readiness) => (readiness & bits) !== 0).length;
  }

  /** Waits for an event with one of these bits that came after the first `seen` ones. */
  toldSince(seen: number, bits: Readiness, what: string, milliseconds?: number): Promise<void> {
    const condition = (): boolean => this.reported.slice(seen).some((readiness) => (readiness & bits) !== 0);
    return this.#bell.until(condition, () => `${what}; reported: ${names(this.reported)}`, milliseconds);
  }

  /** Waits for this number of events with one of these bits since the connection began. */
  toldTimes(times: number, bits: Readiness): Promise<void> {
    const what = (): string => `${times} times ${names([bits])}; reported: ${names(this.reported)}`;
    return this.#bell.until(() => this.count(bits) >= times, what);
  }

  /** Waits for the final event. */
  async final(): Promise<void> {
    await this.toldTimes(1, FINAL);
  }

  /** The next chunk, `null` at the end. Reads as an edge-triggered core does: having found nothing, it needs an event. */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const seen = this.reported.length;
      const chunk = this.socket.read();
      if (chunk !== undefined) {
        this.received += chunk?.length ?? 0;
        return chunk;
      }
      await this.toldSince(seen, READABLE | FINAL, `something to read after ${this.received} bytes`);
    }
  }

  /** Reads the pattern until so many bytes have come since the connection began. */
  async readPattern(total: number): Promise<void> {
    while (this.received < total) {
      const offset = this.received;
      const chunk = await this.read();
      if (chunk === null) fail(`the stream ended after ${offset} of ${total} bytes`);
      assertPattern(chunk, offset);
    }
    assertEquals(this.received, total, "more came than was sent");
  }

  /** Reads the pattern to the end of the stream. Returns how many bytes came since the connection began. */
  async readToEnd(): Promise<number> {
    for (;;) {
      const offset = this.received;
      const chunk = await this.read();
      if (chunk === null) return offset;
      assertPattern(chunk, offset);
    }
  }

  /** Reads what is there now. Returns how many bytes that was. */
  readNow(): number {
    const before = this.received;
    for (;;) {
      const chunk = this.socket.read();
      if (chunk === undefined || chunk === null) return this.received - before;
      assertPattern(chunk, this.received);
      this.received += chunk.length;
    }
  }

  /** Writes the next bytes of the pattern, at most `length` and `piece`. Returns whether the write was short. */
  write(length: number, piece: number = STEP): boolean {
    const offered = Math.min(length, piece);
    const taken = this.socket.write(pattern(this.sent, offered));
    assert(Number.isInteger(taken) && taken >= 0 && taken <= offered, `write took ${taken} of ${offered}`);
    this.sent += taken;
    return taken < offered;
  }

  /** Writes the pattern until so many bytes were taken since the connection began, or the connection is over. */
  async writePattern(total: number, piece?: number): Promise<void> {
    while (this.sent < total && this.count(FINAL) === 0) {
      const seen = this.reported.length;
      if (this.write(total - this.sent, piece)) {
        await this.toldSince(seen, WRITABLE | FINAL, `leave to write after ${this.sent} of ${total} bytes`);
      }
    }
  }

  /** Writes pieces until nothing more is taken for so long. Returns false when `limit` bytes were taken before that. */
  async fill(limit: number, milliseconds: number, piece: number = STEP): Promise<boolean> {
    while (this.sent < limit) {
      const seen = this.reported.length;
      if (this.write(piece) && !await this.mayWrite(seen, milliseconds)) return true;
    }
    return false;
  }

  /** After a short write: whether more may be written within so long. `seen` is how many events came before it. */
  async mayWrite(seen: number, milliseconds: number): Promise<boolean> {
    try {
      await this.toldSince(seen, WRITABLE | FINAL, "leave to write", milliseconds);
      return true;
    } catch {
      return false;
    }
  }

  /** Closes the socket: nothing may be reported from now on. */
  close(): void {
    this.closed = true;
    this.socket.close();
  }
}

/** A registry that records. What breaks a rule wherever it happens is kept as a violation. */
export class Recorder implements Registry {
  /** Every connection accepted, in order. */
  readonly links: Link[] = [];
  /** Every connection refused. */
  readonly refused: Socket[] = [];
  /** The errors passed to `acceptFailed`. */
  readonly failures: Error[] = [];
  /** The remote addresses passed to `handshakeStarted`. */
  readonly startedHandshakes: string[] = [];
  /** Handshakes that came to nothing. */
  readonly failedHandshakes: { readonly client: string; readonly error: Error }[] = [];
  /** Whether handshakes may not begin. */
  barring = false;
  /** What no adapter may do. */
  readonly violations: string[] = [];
  /** Whether incoming connections are refused. */
  refusing = false;
  /** What to do inside `accept`, after the connection is recorded. */
  onAccept: ((link: Link) => void) | undefined;
  /** What to do inside `ready`, after the event is recorded. */
  onReady: ((link: Link, readiness: Readiness) => void) | undefined;

  readonly #bell: Bell;
  readonly #slab: Slab<Link> = new Slab({ capacity: 4096 });

  constructor(bell: Bell) {
    this.#bell = bell;
  }

  accept(socket: Socket): Token | undefined {
    this.#bell.ring();
    if (this.refusing) {
      this.refused.push(socket);
      return undefined;
    }
    const link = new Link(this.#bell, socket);
    this.links.push(link);
    this.onAccept?.(link);
    // Last of all: an event that comes before this finds a token that is not in the slab.
    return this.#slab.insert(() => link);
  }

  ready(token: Token, readiness: Readiness): void {
    this.#bell.ring();
    const link = this.#slab.get(token);
    if (link === undefined) {
      this.violations.push(`rule 1: ${names([readiness])} for a token that was not given: ${token}`);
      return;
    }
    if (!Number.isInteger(readiness) || readiness < 1 || readiness > (READABLE | WRITABLE | FINAL)) {
      this.violations.push(`readiness ${readiness}`);
    }
    if (link.closed) this.violations.push(`rule 7: ${names([readiness])} after close()`);
    if (link.count(FINAL) > 0) this.violations.push(`rule 7: ${names([readiness])} after ${names(link.reported)}`);
    if ((readiness & ERROR) !== 0 && !(link.socket.error instanceof Error)) {
      this.violations.push(`ERROR, but socket.error is ${link.socket.error}`);
    }
    link.reported.push(readiness);
    this.onReady?.(link, readiness);
  }

  acceptFailed(error: Error): Promise<void> {
    this.#bell.ring();
    this.failures.push(error);
    return pause(1);
  }

  handshakeStarted(client: string): boolean {
    this.#bell.ring();
    this.startedHandshakes.push(client);
    return !this.barring;
  }

  handshakeFailed(client: string, error: Error): void {
    this.#bell.ring();
    this.failedHandshakes.push({ client, error });
  }

  /** Waits for so many handshakes that came to nothing. */
  async failed(count: number): Promise<void> {
    const failures = (): number => this.failedHandshakes.length;
    await this.#bell.until(() => failures() >= count, () => `${count} failed handshakes, have ${failures()}`);
  }

  /** Waits for so many connections, and returns the last. */
  async accepted(count = 1): Promise<Link> {
    await this.#bell.until(() => this.links.length >= count, () => `${count} connections, have ${this.links.length}`);
    return this.links[count - 1]!;
  }
}

/** Events in words. */
export function names(events: readonly Readiness[]): string {
  const words = [[READABLE, "READABLE"], [WRITABLE, "WRITABLE"], [HUP, "HUP"], [ERROR, "ERROR"]] as const;
  const name = (readiness: Readiness): string =>
    words.filter(([bit]) => (readiness & bit) !== 0).map(([, word]) => word).join("|");
  return events.length === 0 ? "nothing" : events.map(name).join(", ");
}
