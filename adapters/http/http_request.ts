/**
 * Requests of `node:http` as those of the web, and the answers to what is no request for a status listener.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Why a request is answered by the server itself. */
export type Refusal = "malformed" | "head" | "host" | "target" | "method" | "body" | "failed";

/** The status of each refusal, and what it says. */
const ANSWERS: Readonly<Record<Refusal, readonly [status: number, reason: string, about: string]>> = {
  malformed: [400, "Bad Request", "This is no HTTP/1.1 request."],
  head: [431, "Request Header Fields Too Large", "The head of the request is too large."],
  host: [400, "Bad Request", "The Host header is missing, or names no host."],
  target: [400, "Bad Request", "The target of the request is no path."],
  method: [405, "Method Not Allowed", "Only GET and HEAD are allowed."],
  body: [413, "Content Too Large", "A request may have no body."],
  failed: [500, "Internal Server Error", "The request could not be answered."],
};

/** The head of the answer to a refused request. Its connection is closed: nobody knows what follows on it. */
function headersOf(refusal: Refusal): Record<string, string> {
  return {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(ANSWERS[refusal][2].length + 1),
    "connection": "close",
    ...(refusal === "method" && { allow: "GET, HEAD" }),
  };
}

/** Answers a request that is refused. */
export function writeRefusal(response: ServerResponse, refusal: Refusal): void {
  const [status, reason, about] = ANSWERS[refusal];
  response.writeHead(status, reason, headersOf(refusal)).end(`${about}\n`);
}

/** The whole answer to bytes that are no request. */
export function refusalText(refusal: Refusal): string {
  const [status, reason, about] = ANSWERS[refusal];
  const headers = Object.entries(headersOf(refusal)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${headers.join("")}\r\n${about}\n`;
}

/** The request, or why it is refused. */
export function readRequest(message: IncomingMessage, secure: boolean): Request | Refusal {
  const { method = "", headers, rawHeaders } = message;
  if ((headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined) return "body";
  if (method !== "GET" && method !== "HEAD") return "method";
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  // `headers` has only the first of several.
  if (names.filter((name) => name.toLowerCase() === "host").length !== 1) return "host";
  const base = baseOf(headers.host!, secure);
  if (base === undefined) return "host";
  const target = message.url ?? "";
  // The absolute form is for proxies; a server takes it where it names itself (RFC 9112, 3.2.2).
  const path = target.toLowerCase().startsWith(`${base}/`) ? target.slice(base.length) : target;
  if (!path.startsWith("/") || !URL.canParse(base + path)) return "target";
  try {
    return new Request(base + path, {
      method,
      headers: names.map((name, index): [string, string] => [name, rawHeaders[2 * index + 1]!]),
    });
  } catch {
    // A header that `node:http` takes, and `Headers` does not.
    return "malformed";
  }
}

/** The URL of a host without a path; `undefined` when it is none. */
function baseOf(host: string, secure: boolean): string | undefined {
  if (!/^(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.test(host)) return undefined;
  const base = `http${secure ? "s" : ""}://${host.toLowerCase()}`;
  return URL.canParse(base) ? base : undefined;
}
