/**
 * The trace: everything that passes between the core and its world, as a hash, and as lines to read.
 *
 * @module
 */

/** What must hold and does not. */
export interface Violation {
  /** Which rule. A run is shrunk only as long as it breaks the same one. */
  readonly rule: string;
  /** How, in words. */
  readonly what: string;
}

/** What is noted. Numbers, because they go into the hash. */
export const NOTES = {
  step: 1,
  event: 2,
  accept: 3,
  refuse: 4,
  read: 5,
  write: 6,
  shutdown: 7,
  close: 8,
  left: 9,
  time: 10,
  publish: 11,
  received: 12,
  acceptFailed: 13,
  tick: 14,
  handshake: 15,
  authorize: 16,
  withheld: 17,
  told: 18,
  mobTick: 19,
  gap: 20,
  stored: 21,
} as const;

/** What is noted. */
export type Note = keyof typeof NOTES;

/** A trace. The same run has the same hash on every engine. */
export class Trace {
  /** The lines, when they are kept. */
  readonly lines: string[] | undefined;
  #high = 0x811c9dc5 | 0;
  #low = 0x01000193 | 0;

  /** Keeps lines only on request: a campaign needs the hash alone. */
  constructor(keepLines: boolean) {
    this.lines = keepLines ? [] : undefined;
  }

  /** Notes something, with up to three numbers. */
  note(what: Note, first = 0, second = 0, third = 0): void {
    this.#mix(NOTES[what]);
    this.#mix(first);
    this.#mix(second);
    this.#mix(third);
    if (this.lines !== undefined) this.lines.push(sentence(what, first, second, third));
  }

  /** Adds a line that is no part of the hash. */
  say(line: () => string): void {
    this.lines?.push(line());
  }

  /** 64 bits over all that was noted, as 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** Two rounds of a multiply and rotate each: integers only, so that engines agree. Tokens have more than 32 bits. */
  #mix(value: number): void {
    const low = value | 0;
    const high = (value / 2 ** 32) | 0;
    this.#high = Math.imul(this.#high ^ low, 0x01000193) + (this.#low >>> 15) | 0;
    this.#low = Math.imul(this.#low ^ high ^ (this.#high >>> 13), 0x5bd1e995) + low | 0;
  }
}

const BITS = ["READABLE", "WRITABLE", "HUP", "ERROR"];

/** Readiness in words. */
export function wordsOf(readiness: number): string {
  return BITS.filter((_, bit) => (readiness & (1 << bit)) !== 0).join("|") || "nothing";
}

function sentence(what: Note, first: number, second: number, third: number): string {
  switch (what) {
    case "event":
      return `    event for ${name(first)}: ${wordsOf(second)}`;
    case "accept":
      return `    accept: client ${second} is ${name(first)}`;
    case "refuse":
      return `    refused: client ${first}`;
    case "handshake":
      return `    handshake of client ${first}: ${second === 1 ? "done" : "begun, or come to nothing"}`;
    case "read":
      return `    read ${name(first)}: ${second === -1 ? "would block" : second === -2 ? "end" : `${second} bytes`}`;
    case "write":
      return `    write ${name(first)}: ${third} of ${second} bytes taken`;
    case "shutdown":
    case "close":
      return `    ${what} ${name(first)}`;
    case "left":
      return `    left: ${name(first)}`;
    case "time":
      return `    it is ${first} ms`;
    case "publish":
      return `    publish from ${name(first)}: ${third} frames, ${second} bytes`;
    case "received":
      return `    client ${first} received ${second} bytes`;
    case "authorize":
      return `    the application is asked about ${name(first)}`;
    case "withheld":
      return `    withheld: a frame of ${first} bytes`;
    case "acceptFailed":
      return `    an accept failed`;
    case "tick":
      return `  tick with ${first} events`;
    case "told":
      return `    mob ${first} is told ${second > 0 ? `message ${second}` : "that something is missing"}`;
    case "mobTick":
      return `  tick of mob ${first}, which has published ${second} frames`;
    case "gap":
      return `    gap in mob ${first}${second > 0 ? ", the stream began anew" : ""}, ${third} batches of its own`;
    case "stored":
      return `    stored: message ${first}, batch ${third} of mob ${second}`;
    case "step":
      return "";
  }
}

function name(token: number): string {
  return `${token % 2 ** 20}v${Math.floor(token / 2 ** 20)}`;
}
