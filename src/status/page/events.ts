/**
 * The log of what happened.
 *
 * @module
 */

import { quantity, roundSize } from "../figures.ts";
import type { ReportedEvent } from "../report.ts";
import { CLOSE_REASONS } from "../stats.ts";
import type { Level } from "../verdict.ts";
import { timeOf } from "./chart.ts";
import { byId, make } from "./dom.ts";

/** How many events the page keeps. */
const KEPT = 100;

/** Ends that nobody needs to look at. */
const ORDINARY: readonly string[] = ["end", "shutdown", "disconnected"];

type Told = readonly [level: Level, what: string, more: string];

/** What an event says. */
function tell(event: ReportedEvent): Told {
  switch (event.type) {
    case "joined":
      return ["ok", "joined", event.listener ?? "in the process"];
    case "left": {
      const { reason, detail, lag } = event;
      const pending = lag > 0 ? `, ${roundSize(lag)} pending` : "";
      const why = `${CLOSE_REASONS[reason] ?? ""}${detail ? `: ${detail}` : ""}${pending}`;
      return [reason === "internal" ? "trouble" : ORDINARY.includes(reason) ? "ok" : "warning", `left: ${reason}`, why];
    }
    case "slow":
      return ["warning", "slow", `${roundSize(event.lag)} behind, not read from`];
    case "held-back":
      return ["trouble", "holds all back", `${roundSize(event.lag)} behind`];
    case "refused":
      return ["warning", `turned away: ${event.reason}`, event.why];
    case "accept-failed":
      return ["trouble", "accept failed", event.error];
    case "hook-failed":
      return ["trouble", `${event.hook} failed`, event.error];
    case "gap":
      return ["trouble", "gap of the bus", event.why];
    case "bus-away":
      return ["trouble", "the bus is away", event.why];
    case "bus-back":
      return ["ok", "the bus is back", ""];
    case "dropped":
      return ["ok", quantity(event.count, "event"), "more than could be told"];
  }
}

/** Puts events on top of the log. `timeFor` turns their clock into milliseconds since 1970. */
export function showEvents(
  events: readonly ReportedEvent[],
  timeFor: (at: number) => number,
  addressOf: (token: string) => string | undefined,
): void {
  if (events.length === 0) return;
  const log = byId("events");
  const items = events.slice(-KEPT).map((event) => {
    const [level, what, more] = tell(event);
    const client = "token" in event ? ` ${addressOf(event.token) ?? event.token}` : "";
    const text = make("span", {}, make("b", {}, what), client, make("small", {}, more === "" ? "" : ` ${more}`));
    return make("li", { "data-level": level }, make("time", {}, timeOf(timeFor(event.at))), text);
  });
  log.prepend(...items.reverse());
  while (log.children.length > KEPT) log.lastElementChild!.remove();
  byId("no-events").hidden = true;
}
