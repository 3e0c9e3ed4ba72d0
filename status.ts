/**
 * The status of a mob for a program that has an HTTP server: metrics for Prometheus, health, and a page.
 *
 * @module
 */

import type { HttpHandler } from "./src/contract/http.ts";
import { metricsText } from "./src/status/metrics.ts";
import { isSource, type StatusSource } from "./src/status/source.ts";
import { Watch } from "./src/status/watch.ts";

/**
 * Answers every request with the metrics of a mob, in the text format of Prometheus, or in that of OpenMetrics for a client
 * that asks for it: a handler for Hono, `Bun.serve`, `Deno.serve` and every other server of `Request` and `Response`. Throws
 * a `TypeError` when the mob is none.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 * import { metrics } from "mobcast/status";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const handler = metrics(mob); // Deno.serve(handler), Bun.serve({ fetch: handler }), app.get("/metrics", (c) => handler(c.req.raw))
 * const response = await handler(new Request("http://127.0.0.1/metrics"));
 * console.log((await response.text()).includes("mobcast_connections")); // true
 * ```
 */
export function metrics(mob: StatusSource): HttpHandler {
  isSource("mob", mob);
  const watch = new Watch(mob);
  return async (request) => {
    const { type, text } = metricsText(await watch.report(), request.headers.get("accept") ?? "");
    return new Response(text, { headers: { "content-type": type, "cache-control": "no-store" } });
  };
}

export { statusHandler, type StatusHandlerOptions } from "./src/status/handler.ts";
export type {
  ConnectionList,
  ListedConnection,
  ReportedEvent,
  ServerReport,
  StatusReport,
} from "./src/status/report.ts";
export type { Connections, InThread, MobState, StatusOptions, StatusSource } from "./src/status/source.ts";
export { BUS_STATS, FEED_STATS, type Stat, STATS } from "./src/status/stats_table.ts";
