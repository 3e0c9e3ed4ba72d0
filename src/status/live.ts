/**
 * The live stream of a status listener: a report a second, as server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 * @module
 */

import type { ReportedEvent, StatusReport } from "./report.ts";
import { NoAnswer, type StatusSource } from "./source.ts";
import { reportedEvent } from "./watch.ts";

/** The milliseconds from one message to the next. */
const PERIOD = 1000;

/** The most events of one message; the others are dropped and counted. */
const MOST_EVENTS = 200;

/**
 * A stream of messages, each a report with the events since the one before, the first at once. A client that does not read
 * gets none until it does: nothing waits for it but its last events. The stream ends with the mob; `ended` is called once.
 */
export function liveStream(
  source: StatusSource,
  report: () => Promise<StatusReport>,
  ended: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { adapter } = source;
  const events = recentEvents(source);
  let cancelTimer: (() => void) | undefined;
  let over = false;
  let due = adapter.now();
  const end = (): void => {
    if (over) return;
    over = true;
    cancelTimer?.();
    events.stop();
    ended();
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      void source.closed.then(() => {
        if (over) return;
        end();
        controller.close();
      });
    },
    // Called when the client has taken what there was.
    pull: (controller) =>
      new Promise<void>((resolve) => {
        const send = async (): Promise<void> => {
          if (over) return resolve();
          due = Math.max(due + PERIOD, adapter.now());
          // What does not answer now may answer in a second.
          const now = await report().catch(unlessSilent);
          // The stream may have ended meanwhile.
          if (now === undefined && !over) return wait();
          const data = JSON.stringify({ ...now, events: events.take() });
          if (!over) controller.enqueue(new TextEncoder().encode(`data: ${data}\n\n`));
          resolve();
        };
        const wait = (): void => {
          cancelTimer = adapter.after(Math.max(0, due - adapter.now()), () => void send());
        };
        wait();
      }),
    cancel: end,
  }, { highWaterMark: 0 });
}

function unlessSilent(error: unknown): undefined {
  if (!(error instanceof NoAnswer)) throw error;
}

/** Collects the events of a mob until they are taken. */
function recentEvents(source: StatusSource): { take(): ReportedEvent[]; stop(): void } {
  const iterator = source.events[Symbol.asyncIterator]();
  let list: ReportedEvent[] = [];
  let dropped = 0;
  void (async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (list.length < MOST_EVENTS) list.push(reportedEvent(next.value));
      else dropped++;
    }
  })();
  return {
    take() {
      const taken = list;
      if (dropped > 0) taken.push({ type: "dropped", at: source.adapter.now(), count: dropped });
      list = [];
      dropped = 0;
      return taken;
    },
    stop: () => void iterator.return?.(),
  };
}
