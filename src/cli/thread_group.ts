/**
 * The threads of a server as one: started together, asked together, and ended together. All of them live or none.
 *
 * @module
 */

import { shareMemory } from "../bus/shared_ring.ts";
import type { MobEvent } from "../status/events.ts";
import { NoAnswer } from "../status/source.ts";
import type { ServeFlags } from "./serve_flags.ts";
import { Failure, oneLine, type Session } from "./session.ts";
import type {
  Thread,
  ThreadAnswers,
  ThreadOrder,
  ThreadQuestion,
  ThreadReport,
  Threads,
  ThreadStart,
  ThreadStats,
} from "./thread_messages.ts";

/** What a thread has opened. */
export type Listening = Extract<ThreadReport, { type: "listening" }>;

/** How long threads may take to answer, in milliseconds. One that is busy for longer serves nobody. */
const PATIENCE = 5000;

/** A question that not all threads have answered. */
interface Round {
  readonly answers: Map<number, unknown>;
  /** Those that have to answer. */
  readonly asked: readonly number[];
  done(): void;
}

/** The threads of a server. */
export class ThreadGroup {
  /** Resolves when all threads have closed. Rejects with a {@link Failure} when one has ended before. */
  readonly closed: Promise<void>;
  /** Called with what happens to connections of a thread, while that is watched, and with its clock's time. */
  onEvents: (thread: number, events: readonly MobEvent[], now: number) => void = () => {};
  readonly #session: Session;
  readonly #threads: Threads;
  readonly #running: Thread[] = [];
  #resolveClosed: () => void = () => {};
  #rejectClosed: (failure: Failure) => void = () => {};
  #isOver = false;
  /** The last numbers of the threads that have closed. */
  readonly #last: Map<number, ThreadStats> = new Map();
  readonly #listening: Map<number, (report: Listening) => void> = new Map();
  readonly #rounds: Map<number, Round> = new Map();
  #nextId = 1;

  /** A group without threads. */
  constructor(session: Session, threads: Threads) {
    this.#session = session;
    this.#threads = threads;
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    // It may reject while something else is waited for, which then rejects as well.
    this.closed.catch(() => {});
  }

  /** The last numbers of the threads that have closed. */
  get last(): readonly ThreadStats[] {
    return [...this.#last.values()];
  }

  /**
   * Opens the listeners in the first thread, then in the others, which share its ports; `isShared` says which URLs those
   * are. Resolves to what the first has opened; `undefined` when the command was stopped meanwhile.
   */
  async open(
    urls: readonly string[],
    flags: ServeFlags,
    count: number,
    isShared: (url: string) => boolean,
  ): Promise<Listening | undefined> {
    const { stop } = this.#session;
    const memory = shareMemory(count, this.#threads.name());
    const stopped = new Promise<undefined>((resolve) => stop.addEventListener("abort", () => resolve(undefined)));
    const start = (thread: number, urls: readonly string[]): Promise<Listening> => {
      const sharePort = thread === 0 ? "open" : "join";
      return this.#start({ thread, memory, urls, sharePort, flags });
    };
    const orStopped = <Result>(all: Promise<Result>): Promise<Result | undefined> =>
      Promise.race([all, stopped, this.closed.then(() => undefined)]);
    if (stop.aborted) return undefined;
    const first = await orStopped(start(0, urls));
    if (first === undefined || stop.aborted) return undefined;
    const shared = first.urls.filter(isShared);
    const others = Array.from({ length: count - 1 }, (_, index) => start(index + 1, shared));
    return (await orStopped(Promise.all(others))) === undefined ? undefined : first;
  }

  #start(start: ThreadStart): Promise<Listening> {
    const { thread } = start;
    const listening = new Promise<Listening>((resolve) => this.#listening.set(thread, resolve));
    this.#running[thread] = this.#threads.start(start, {
      report: (report) => this.#hear(thread, report),
      ended: (why) => this.#hasEnded(thread, why),
    });
    return listening;
  }

  #hear(thread: number, report: ThreadReport): void {
    if (report.type === "line") void this.#session.terminal.stderr.write(report.line);
    else if (report.type === "listening") this.#listening.get(thread)?.(report);
    else if (report.type === "answer") this.#answer(thread, report.id, report.answer);
    else if (report.type === "events") this.onEvents(thread, report.events, report.now);
    else if (report.type === "failed") this.#fail(this.#wordsOf(thread, report.message));
    else this.#hasClosed(thread, report.last);
  }

  #hasClosed(thread: number, last: ThreadStats): void {
    this.#last.set(thread, last);
    if (this.#last.size === this.#running.length) this.#end();
    // What it was asked meanwhile has the numbers that it had last.
    for (const round of [...this.#rounds.values()]) this.#look(round);
  }

  /** What has closed may end. */
  #hasEnded(thread: number, why: string): void {
    if (!this.#last.has(thread)) this.#fail(`Thread ${thread + 1} has ended: ${why}`);
  }

  /** What cannot be opened is told as of a server without threads. */
  #wordsOf(thread: number, message: string): string {
    return message.startsWith("Cannot ") ? message : `Thread ${thread + 1} has failed: ${message}`;
  }

  #end(): void {
    this.#isOver = true;
    this.#resolveClosed();
  }

  #fail(message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#rejectClosed(new Failure(oneLine(message)));
  }

  /** Tells all threads. */
  order(order: ThreadOrder): void {
    for (const thread of this.#running) thread.order(order);
  }

  /**
   * Asks all threads that have not closed, and resolves to their answers by their numbers, from 0. Rejects with a
   * {@link NoAnswer} that names one that is silent for too long, unless it `waits` for ever.
   */
  ask<Question extends ThreadQuestion>(
    question: Question,
    waits = false,
  ): Promise<Map<number, ThreadAnswers[Question["about"]]>> {
    const id = this.#nextId++;
    const asked = [...this.#running.keys()].filter((thread) => !this.#last.has(thread));
    return new Promise((resolve, reject) => {
      const answers = new Map<number, ThreadAnswers[Question["about"]]>();
      const end = (): void => {
        cancel();
        this.#rounds.delete(id);
      };
      const cancel = waits ? () => {} : this.#session.terminal.after(PATIENCE, () => {
        end();
        const silent = asked.find((thread) => !answers.has(thread))!;
        reject(new NoAnswer(`thread ${silent + 1} does not answer`));
      });
      const round: Round = {
        answers,
        asked,
        done: () => {
          end();
          resolve(answers);
        },
      };
      this.#rounds.set(id, round);
      this.order({ type: "ask", id, question });
      this.#look(round);
    });
  }

  #answer(thread: number, id: number, answer: unknown): void {
    const round = this.#rounds.get(id);
    if (round === undefined) return;
    round.answers.set(thread, answer);
    this.#look(round);
  }

  /** Ends a round when all have answered that can. */
  #look({ asked, answers, done }: Round): void {
    if (asked.every((thread) => answers.has(thread) || this.#last.has(thread))) done();
  }

  /** Ends all threads now. */
  end(): void {
    this.#isOver = true;
    for (const thread of this.#running) thread.end();
  }
}
