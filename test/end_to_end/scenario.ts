/** What a scenario is, and what all of them need. */

import type { RuntimeName } from "../helpers/command_line.ts";
import { STAMP } from "../../src/load/message.ts";
import type { Stream } from "../../src/load/stream.ts";
import { emptyStream, PATIENCE, Publisher, Reader } from "./clients.ts";
import { every, until } from "./waiting.ts";

/** Whether all is to be measured, or only proven, in the time a test may take. */
export type Size = "long" | "short";

/** What came out: one line of the table. */
export interface Row {
  /** What was done. */
  readonly label: string;
  /** Names and values, in the order of the columns. */
  readonly figures: Readonly<Record<string, string | number>>;
  /** What was not as it must be; empty when all was. */
  readonly problems: readonly string[];
}

/** A scenario: a load, a server, and what must come of it. */
export interface Scenario {
  readonly name: string;
  /** What it proves, in one line. */
  readonly about: string;
  /** Runs it and gives each row as soon as it is known. */
  run(runtime: RuntimeName, size: Size): AsyncIterable<Row>;
}

/** Collects what is not as it must be. */
export class Findings {
  /** In words; empty when all is well. */
  readonly problems: string[] = [];

  /** Notes `what` when it does not hold. */
  expect(holds: boolean, what: string): void {
    if (!holds) this.problems.push(what);
  }
}

/** How far apart the offsets are whose time is kept. */
const MARK = 64 * 1024;

/** The clients of one server, which receive each other. */
export class Clients {
  /** The stream they receive. */
  readonly expected: Stream = emptyStream();
  /** The clients that send. */
  readonly publishers: Publisher[] = [];
  /** All clients, publishers too. */
  readonly members: Reader[] = [];
  readonly #port: number;
  /** Lengths of the stream, and when it had them. */
  readonly #marks: [length: number, time: number][] = [];

  /** Begins without clients. */
  constructor(port: number) {
    this.#port = port;
    this.expected.onGrown = (length) => {
      const [last = -MARK] = this.#marks.at(-1) ?? [];
      if (length - last >= MARK) this.#marks.push([length, performance.now()]);
    };
  }

  /** Whether every client has received everything that any client has received. */
  get isLevel(): boolean {
    return this.members.every((member) => member.isLevel);
  }

  /** When the stream reached an offset, by the clock of this process, to within 64 KiB. */
  timeOf(offset: number): number {
    return this.#marks.findLast(([length]) => length <= offset)?.[1] ?? 0;
  }

  /** Lets so many in, and waits until each of them receives. */
  async grow(publishers: number, readers: number): Promise<void> {
    for (let index = 0; index < publishers; index++) {
      const publisher = await Publisher.join(this.#port, this.expected, this.members.length === 0);
      this.publishers.push(publisher);
      this.members.push(publisher);
    }
    for (let left = readers; left > 0; left -= 100) {
      const joining = Array.from({ length: Math.min(100, left) }, () => Reader.join(this.#port, this.expected));
      this.members.push(...await Promise.all(joining));
    }
    // Being connected is not being accepted: a client has joined when it has received a frame.
    const stop = every(20, () => this.publishers[0]!.send(1, () => STAMP));
    try {
      await until(() => this.members.every(({ start }) => start !== undefined), "everybody receives", PATIENCE);
    } finally {
      stop();
    }
    await this.settle();
  }

  /** Waits until every client has received everything that was sent. */
  async settle(milliseconds: number = PATIENCE): Promise<void> {
    const done = (): boolean => this.publishers.every(({ sent, echoed }) => sent === echoed) && this.isLevel;
    await until(() => done() || this.members.some(({ ended }) => ended !== undefined), "all receive all", milliseconds)
      .catch((error: Error) => this.expected.complain(`${error.message}; ${this.#shortfall()}`));
  }

  /** What is wrong with what they received, in words; empty when nothing is. */
  problems(): string[] {
    const problems = [...this.expected.problems];
    const lost = this.members.filter(({ ended }) => ended !== undefined);
    if (lost.length > 0) {
      problems.push(`${lost.length} of ${this.members.length} lost their connection: ${lost[0]!.ended}`);
    } else if (!this.isLevel) problems.push(this.#shortfall());
    return problems;
  }

  /** Forgets the longest silences. */
  resetSilence(): void {
    for (const member of this.members) member.resetSilence();
  }

  /** The longest silence that any of them received, in milliseconds. */
  get silence(): number {
    return Math.max(...this.members.map(({ silence }) => silence));
  }

  /** All clients leave. */
  leave(): void {
    for (const member of this.members) member.drop();
  }

  #shortfall(): string {
    const behind = this.members.filter((member) => !member.isLevel);
    const furthest = Math.min(...behind.map(({ offset }) => offset));
    const unreceived = this.publishers.reduce((sum, { sent, echoed }) => sum + sent - echoed, 0);
    return `${behind.length} of ${this.members.length} are behind, at ${furthest} of ${this.expected.length} bytes; ` +
      `${unreceived} frames have not come back`;
  }
}

/** Bytes, for the table. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** A share of one processor core, for the table. */
export function percent(seconds: number, of: number): string {
  return `${Math.round(100 * seconds / of)} %`;
}

/** Milliseconds, for the table. */
export function inMilliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
