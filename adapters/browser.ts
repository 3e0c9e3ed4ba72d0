/**
 * The adapter for pages and their workers: clients over WebSockets, and nothing else.
 *
 * @module
 */

import type { Adapter } from "../src/contract/adapter.ts";
import { overWebSocket } from "./shared/websocket.ts";

/** Ticks that are to run, and the channel whose message runs them: a timer would wait 4 ms, or a second in a hidden tab. */
function messageLoop(): Adapter["defer"] {
  let ticks: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => {
    const due = ticks;
    ticks = [];
    for (const tick of due) tick();
  });
  port1.start();
  // Where a page's program is tested, or rendered on a server, an idle channel must not keep the process alive.
  (port1 as { unref?(): void }).unref?.();
  return (tick) => {
    if (ticks.push(tick) === 1) port2.postMessage(0);
  };
}

/** The adapter for pages. */
export function browserAdapter(): Adapter {
  const none = (): Promise<never> => Promise.reject(new TypeError("a page has only WebSockets"));
  const clock: Pick<Adapter, "now" | "after"> = {
    now: () => performance.now(),
    after(milliseconds, run) {
      const timer = setTimeout(run, milliseconds);
      return () => clearTimeout(timer);
    },
  };
  return {
    name: "browser",
    listen: none,
    connect: none,
    defer: messageLoop(),
    ...clock,
    ...overWebSocket(clock),
  };
}
