/**
 * What a thread of `serve --threads` tells of its mob: numbers, connections and events, as it is asked.
 *
 * @module
 */

import type { Mob } from "../server/mob.ts";
import type { MobEvent } from "../status/events.ts";
import { LoopDelay } from "../status/loop_delay.ts";
import { problemOf } from "./session.ts";
import type { ThreadAnswers, ThreadPort, ThreadQuestion, ThreadStats } from "./thread_messages.ts";

/** The milliseconds from one message with events to the next. */
const PERIOD = 100;

/** The most events of one message. While it waits to go out the mob keeps those behind them, and drops the oldest. */
const MOST_EVENTS = 256;

/** Answers what is asked of the mob of one thread. */
export class ThreadReporter {
  readonly #mob: Mob;
  readonly #port: ThreadPort;
  readonly #loopDelay: LoopDelay;
  #stopWatching: () => void = () => {};

  /** A reporter that measures and watches nothing yet. */
  constructor(mob: Mob, port: ThreadPort) {
    this.#mob = mob;
    this.#port = port;
    this.#loopDelay = new LoopDelay(mob.adapter);
    void mob.closed.then(() => this.#loopDelay.stop());
  }

  /** Answers a question. */
  async answer(id: number, question: ThreadQuestion): Promise<void> {
    this.#port.tell({ type: "answer", id, answer: await this.#answerTo(question) });
  }

  async #answerTo(question: ThreadQuestion): Promise<ThreadAnswers[keyof ThreadAnswers]> {
    if (question.about === "life") return true;
    if (question.about === "list") {
      return { total: this.#mob.connectionCount, connections: this.#mob.connections(question.query) };
    }
    if (question.about === "reload") return { problem: await problemOf(this.#mob.reload()) };
    // Measured from now on: a server without a status needs no timer for it.
    if (this.#mob.state !== "closed") this.#loopDelay.start();
    return await this.stats();
  }

  /** Its numbers. */
  async stats(): Promise<ThreadStats> {
    const info = await this.#mob.adapter.processInfo?.();
    return { stats: this.#mob.stats(), loopDelays: this.#loopDelay.histogram, heapBytes: info?.heapBytes ?? 0 };
  }

  /** Tells of what happens to connections from now on, or no more. */
  watch(isOn: boolean): void {
    this.#stopWatching();
    this.#stopWatching = isOn ? this.#forward() : () => {};
  }

  /** Hands events on, some at a time. Returns what ends it. */
  #forward(): () => void {
    const iterator = this.#mob.events[Symbol.asyncIterator]();
    const { adapter } = this.#mob;
    let isOver = false;
    let cancel: () => void = () => {};
    let wake: () => void = () => {};
    let events: MobEvent[] = [];
    const send = (): void => {
      this.#port.tell({ type: "events", events, now: adapter.now() });
      events = [];
      wake();
    };
    void (async () => {
      for (let next = await iterator.next(); !next.done && !isOver; next = await iterator.next()) {
        if (events.push(next.value) === 1) cancel = adapter.after(PERIOD, send);
        if (events.length >= MOST_EVENTS) await new Promise<void>((resolve) => wake = resolve);
      }
    })();
    return () => {
      isOver = true;
      cancel();
      wake();
      void iterator.return?.();
    };
  }
}
