/**
 * The handler of a status listener: metrics, health, reports and a page, as a function from a request to a response.
 *
 * @module
 */

import { type Check, checkOptions, type Checks, refuse } from "../check.ts";
import type { HttpHandler } from "../contract/http.ts";
import { isHosts, obstacle } from "./guard.ts";
import { liveStream } from "./live.ts";
import { metricsText } from "./metrics.ts";
import { isSource, NoAnswer, type StatusSource } from "./source.ts";
import { CONNECTION_SORTS, type ConnectionQuery, type ConnectionSort } from "./stats.ts";
import { Watch } from "./watch.ts";

/** The most live streams at a time. */
const MOST_STREAMS = 32;

/** The most connections of one answer: more would hold the mob up. */
const LONGEST_LIST = 1000;

/** How many connections an answer has that asks for no number. */
const USUAL_LIST = 20;

/** The options of a status handler. */
export interface StatusHandlerOptions {
  /** What stands before its paths: `/mob/` answers `/mob/metrics`. Default: `/`. */
  readonly base?: string | undefined;
  /**
   * The host names under which it may be asked, besides IP addresses and names of loopback: other names are refused, since a
   * page on the Internet could lead its own name here. Default: any name, for a server that checks names itself.
   */
  readonly hosts?: readonly string[] | undefined;
}

/** What every answer has: it is of this moment, for this origin alone, and of the type that it says. */
const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const isBase: Check = (name, value) => {
  if (typeof value === "string" && /^\/(.*\/)?$/.test(value)) return;
  refuse(name, value, "it begins and ends with a slash, such as /mob/");
};

/** What each option of {@link statusHandler} has to be. */
const CHECKS: Checks = { base: isBase, hosts: isHosts };

/**
 * Answers requests about a mob as a status listener does: `/` is a page, `/metrics` is for Prometheus, `/healthz` and
 * `/readyz` are for those who restart and balance servers, `/stats`, `/connections?sort=lag&limit=20` and `/live` are JSON.
 * Who may ask is up to the server that calls it; only pages of other origins are refused. Throws a `TypeError` when the mob
 * is none, or an option is wrong.
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
  isSource("mob", mob);
  const { base = "/", hosts } = checkOptions("statusHandler()", options, CHECKS);
  const watch = new Watch(mob);
  const routes = routesOf(mob, watch);
  return async (request) => {
    const why = obstacle(request, hosts);
    if (why !== undefined) return text(403, why);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, `Cannot ${request.method} here: use GET`, { allow: "GET, HEAD" });
    }
    const { pathname, searchParams } = new URL(request.url);
    const route = pathname.startsWith(base) ? routes[pathname.slice(base.length)] : undefined;
    const response = route
      ? await answerOf(route, searchParams, request.headers)
      : text(404, `Cannot find ${pathname}: ${PATHS}`);
    if (request.method === "GET") return response;
    await response.body?.cancel();
    return new Response(null, response);
  };
}

/** The answer of a route. Without an answer of the mob there is none. */
async function answerOf(route: Route, query: URLSearchParams, headers: Headers): Promise<Response> {
  try {
    return await route(query, headers);
  } catch (error) {
    if (error instanceof NoAnswer) return text(503, error.message);
    throw error;
  }
}

/** Answers one path. */
type Route = (query: URLSearchParams, headers: Headers) => Response | Promise<Response>;

const PATHS = "there are /, /metrics, /healthz, /readyz, /stats, /connections and /live";

function routesOf(source: StatusSource, watch: Watch): Readonly<Record<string, Route>> {
  let streams = 0;
  const routes: Record<string, Route> = {
    "metrics": async (_query, headers) => {
      const { type, text: body } = metricsText(await watch.report(), headers.get("accept") ?? "");
      return answer(200, body, type);
    },
    "healthz": async () => {
      const why = await source.whyDead?.();
      return why === undefined ? text(200, "ok") : text(503, why);
    },
    "readyz": async () => {
      const why = await source.whyDead?.();
      if (why !== undefined) return text(503, why);
      const { state, whyBusAway } = source;
      if (state !== "open") return text(503, state);
      return whyBusAway === undefined ? text(200, "ready") : text(503, `bus away: ${whyBusAway}`);
    },
    "stats": async () => json(await watch.report()),
    "connections": async (query) => {
      const wanted = queryOf(query);
      return typeof wanted === "string" ? text(400, wanted) : json(await watch.list(wanted));
    },
    "live": () => {
      if (streams >= MOST_STREAMS) return text(503, `Cannot open another live stream: ${streams} are open, close one`);
      streams++;
      return answer(200, liveStream(source, () => watch.report(), () => streams--), "text/event-stream");
    },
    // Loaded for those who look at it: a program that asks for metrics needs no page.
    "": async () => {
      const { PAGE, PAGE_POLICY } = await import("./page_file.ts");
      return answer(200, PAGE, "text/html; charset=utf-8", { "content-security-policy": PAGE_POLICY });
    },
  };
  return Object.assign(Object.create(null) as object, routes);
}

/** Which connections a request asks for, or why that cannot be. */
function queryOf(query: URLSearchParams): ConnectionQuery | string {
  const { sort = "lag", limit = `${USUAL_LIST}`, offset = "0", ...others } = Object.fromEntries(query);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `Cannot list by ${unknown}: use sort, limit and offset`;
  if (!(CONNECTION_SORTS as readonly string[]).includes(sort)) {
    return `Cannot sort by ${sort}: use ${CONNECTION_SORTS.join(", ")}`;
  }
  if (!/^\d{1,9}$/.test(limit) || Number(limit) > LONGEST_LIST) {
    return `Cannot use limit ${limit}: use a number up to ${LONGEST_LIST}, and offset for those behind it`;
  }
  if (!/^\d{1,9}$/.test(offset)) return `Cannot use offset ${offset}: use a number`;
  return { sort: sort as ConnectionSort, limit: Number(limit), offset: Number(offset) };
}

// --- answers ---

function json(value: unknown): Response {
  return answer(200, `${JSON.stringify(value)}\n`, "application/json");
}

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  return answer(status, `${line}\n`, "text/plain; charset=utf-8", headers);
}

function answer(
  status: number,
  body: string | ReadableStream<Uint8Array<ArrayBuffer>>,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...HEADERS, "content-type": type, ...headers } });
}
