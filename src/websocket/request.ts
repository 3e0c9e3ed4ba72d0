/**
 * The head of an HTTP request (RFC 9112), read strictly: two programs on the way must not see two requests in it.
 *
 * @module
 */

/** A request for a WebSocket. */
export interface UpgradeRequest {
  /** What it asks for, such as `/` or `/chat?room=1`. */
  readonly target: string;
  /** The `Host` header. */
  readonly host: string;
  /** The `Origin` header, which pages send and programs do not. */
  readonly origin: string | undefined;
  /** The key that the reply has to answer. */
  readonly key: string;
  /** The subprotocols that it offers to speak, the best first. */
  readonly protocols: readonly string[];
}

/** Why a request is refused, with the status that says so. */
export interface Refusal {
  /** The status of the HTTP response. */
  readonly status: 400 | 403 | 405 | 426 | 431 | 503;
  /** What is wrong and how to go on, in words. */
  readonly why: string;
}

/** What is no request at all. */
export const NOT_HTTP: Refusal = /* @__PURE__ */ bad(
  "this is no HTTP request, a WebSocket client begins with GET / HTTP/1.1",
);

/** A name or a word of HTTP (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The value of a header: visible characters, and spaces between them. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A second one of these could mean another request. */
const ONCE: ReadonlySet<string> = new Set(["host", "origin", "sec-websocket-key", "sec-websocket-version"]);

/** Sixteen bytes as base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Reads the head of a request, the empty line at its end included. */
export function readUpgrade(head: Uint8Array): UpgradeRequest | Refusal {
  const [first = "", ...lines] = latin1(head).slice(0, -4).split("\r\n");
  const [, method, target = "", version = ""] = /^(\S+) ([\x21-\x7e]+) HTTP\/([0-9]\.[0-9])$/.exec(first) ?? [];
  if (method === undefined || !TOKEN.test(method)) return NOT_HTTP;
  if (version !== "1.1") return bad(`the request is of HTTP/${version}, a WebSocket needs HTTP/1.1`);
  const headers = readHeaders(lines);
  if (!(headers instanceof Map)) return headers;
  const host = headers.get("host");
  if (host === undefined) return bad("the request has no Host header, HTTP/1.1 needs one");
  if (headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0") {
    return bad("the request has a body, leave it out");
  }
  if (!wordsOf(headers, "upgrade").includes("websocket") || !wordsOf(headers, "connection").includes("upgrade")) {
    return {
      status: 426,
      why: "this is a WebSocket listener: connect with a WebSocket client, such as new WebSocket(url)",
    };
  }
  if (method !== "GET") return { status: 405, why: `the request is a ${method}, a WebSocket begins with a GET` };
  if (headers.get("sec-websocket-version") !== "13") {
    return {
      status: 426,
      why: "the request is not of version 13 of the WebSocket protocol, which is the one spoken here",
    };
  }
  const key = headers.get("sec-websocket-key");
  if (key === undefined || !KEY.test(key)) return bad("Sec-WebSocket-Key is not 16 bytes as base64");
  const offered = headers.get("sec-websocket-protocol");
  const protocols = offered?.split(",").map((name) => name.trim()) ?? [];
  if (!protocols.every((name) => TOKEN.test(name))) return bad("Sec-WebSocket-Protocol is not a list of names");
  return { target, host, origin: headers.get("origin"), key, protocols };
}

/** The headers by their names in lower case. Those that come several times are one list. */
function readHeaders(lines: readonly string[]): Map<string, string> | Refusal {
  const headers = new Map<string, string>();
  for (const line of lines) {
    if (/^[ \t]/.test(line)) return bad("a header is folded over two lines, write it in one");
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (!TOKEN.test(name) || !VALUE.test(value)) return bad("a header is not a name, a colon and a value");
    const before = headers.get(name);
    if (before !== undefined && ONCE.has(name)) return bad(`the request has two headers ${name}, leave one out`);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** The words of a header that is a list, in lower case. */
function wordsOf(headers: ReadonlyMap<string, string>, name: string): string[] {
  return (headers.get(name) ?? "").toLowerCase().split(",").map((word) => word.trim());
}

function bad(why: string): Refusal {
  return { status: 400, why };
}

/** The text of bytes, a character each. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
