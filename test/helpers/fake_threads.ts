/** Threads of `serve --threads` in the hands of a test. */

import { runtimeAdapter } from "../../adapters/runtime.ts";
import { main } from "../../src/cli/main.ts";
import type {
  Thread,
  ThreadAnswers,
  ThreadEvents,
  ThreadOrder,
  ThreadQuestion,
  ThreadReport,
  Threads,
  ThreadStats,
} from "../../src/cli/thread_messages.ts";
import { DURATION_BOUNDS, HistogramCounter } from "../../src/status/histogram.ts";
import { Mob } from "../../mod.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { within } from "./wait.ts";

/** The numbers of a thread that has done nothing. */
export const NUMBERS: ThreadStats = await (async () => {
  await using mob = new Mob(await runtimeAdapter());
  return { stats: mob.stats(), loopDelays: new HistogramCounter(DURATION_BOUNDS).histogram, heapBytes: 1000 };
})();

/** Threads of which a test can see and do everything. */
export class FakeThreads implements Threads {
  readonly whyNot = undefined;
  readonly started: {
    readonly urls: readonly string[];
    readonly share: string;
    readonly count: number;
    readonly events: ThreadEvents;
  }[] = [];
  readonly orders: string[] = [];
  /** What they answer; `undefined`: nothing. */
  answers: (thread: number, question: ThreadQuestion) => ThreadAnswers[keyof ThreadAnswers] | undefined = (
    _,
    question,
  ) =>
    question.about === "stats"
      ? NUMBERS
      : question.about === "list"
      ? { total: 0, connections: [] }
      : question.about === "life" || { problem: undefined };
  ended = 0;
  #look: (() => void)[] = [];

  cores(): number {
    return 3;
  }

  name(): string {
    return "a ring";
  }

  start({ urls, sharePort, thread, memory }: Parameters<Threads["start"]>[0], events: ThreadEvents): Thread {
    this.started.push({ urls, share: sharePort, count: memory.threads, events });
    this.#wake();
    return {
      order: (order: ThreadOrder) => {
        const { type } = order;
        this.orders.push(`${thread} ${type === "ask" ? order.question.about : type}`);
        if (type === "ask") this.#answer(thread, order.id, order.question);
        this.#wake();
      },
      end: () => this.ended++,
    };
  }

  #answer(thread: number, id: number, question: ThreadQuestion): void {
    const answer = this.answers(thread, question);
    // As a real one it answers later.
    if (answer !== undefined) queueMicrotask(() => this.tell(thread, { type: "answer", id, answer }));
  }

  /** A thread tells something. */
  tell(thread: number, report: ThreadReport): void {
    this.started[thread]!.events.report(report);
  }

  /** A thread listens. */
  listens(thread: number): void {
    const url = "tcp://127.0.0.1:4000";
    this.tell(thread, { type: "listening", urls: [url], listeners: [{ url, addresses: [url] }] });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await within(new Promise<void>((resolve) => void this.#look.push(resolve)), "the threads", 30_000);
    }
  }

  #wake(): void {
    for (const look of this.#look.splice(0)) look();
  }
}

/** A command with threads that a test plays. */
export function start(
  ...args: readonly string[]
): { terminal: FakeTerminal; threads: FakeThreads; code: Promise<number> } {
  return startWith("--threads", "2", ...args);
}

/** The same, with these arguments alone. */
export function startWith(...args: readonly string[]): ReturnType<typeof start> {
  const terminal = new FakeTerminal("tcp://127.0.0.1:0", ...args);
  const threads = new FakeThreads();
  terminal.threading = threads;
  return { terminal, threads, code: main(terminal) };
}

/** The same, when both threads listen. */
export async function startBoth(...args: readonly string[]): Promise<ReturnType<typeof start>> {
  const all = start(...args);
  await all.threads.until(() => all.threads.started.length === 1);
  all.threads.listens(0);
  await all.threads.until(() => all.threads.started.length === 2);
  all.threads.listens(1);
  await all.terminal.stderr.next();
  return all;
}
