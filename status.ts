/**
 * The status of a mob for a program that has an HTTP server: metrics for Prometheus, health, and a page.
 *
 * @module
 */

import type { HttpHandler } from "./src/contract/http.ts";
import { statusHandler as handlerOf, type StatusHandlerOptions } from "./src/status/handler.ts";
import { metricsText } from "./src/status/metrics.ts";
import type { StatusSource } from "./src/status/source.ts";
import { Watch } from "./src/status/watch.ts";

/**
 * Answers every request with the metrics of a mob, in the text format of Prometheus, or in that of OpenMetrics for a client
 * that asks for it: a handler for Hono, `Bun.serve`, `Deno.serve` and every other server of `Request` and `Response`.
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
  const watch = new Watch(mob);
  return async (request) => {
    const { type, text } = metricsText(await watch.report(), request.headers.get("accept") ?? "");
    return new Response(text, { headers: { "content-type": type, "cache-control": "no-store" } });
  };
}

/**
 * Answers requests about a mob as a status listener does: `/` is a page, `/metrics` is for Prometheus, `/healthz` and
 * `/readyz` are for those who restart and balance servers, `/stats`, `/connections?sort=lag&limit=20` and `/live` are JSON.
 * Who may ask is up to the server that calls it; only pages of other origins are refused.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 * import { statusHandler } from "mobcast/status";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const handler = statusHandler(mob, { base: "/mob/" });
 * const response = await handler(new Request("http://127.0.0.1/mob/readyz"));
 * console.log(response.status); // 200
 * ```
 */
export function statusHandler(mob: StatusSource, options?: StatusHandlerOptions): HttpHandler {
  return handlerOf(mob, options);
}

export type { StatusHandlerOptions } from "./src/status/handler.ts";
export type {
  ConnectionList,
  ListedConnection,
  ReportedEvent,
  ServerReport,
  StatusReport,
} from "./src/status/report.ts";
export type { MobState, StatusOptions, StatusSource } from "./src/status/source.ts";
export { FEED_STATS, type Stat, STATS } from "./src/status/stats_table.ts";
