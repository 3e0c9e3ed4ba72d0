/**
 * The URL of a server's status, and what people write where it belongs.
 *
 * @module
 */

import { parseAddress } from "../contract/address.ts";
import type { HttpServer } from "./terminal.ts";

/** Where `serve --status` is, as its help says it. */
export const DEFAULT_STATUS_URL = "http://127.0.0.1:9100";

/** Where a status is. */
export interface StatusUrl {
  /** The URL, written out. */
  readonly text: string;
  /** The server. */
  readonly server: HttpServer;
  /** What stands in front of each path: a proxy may have the status in a folder. */
  readonly folder: string;
}

/** The pages of a status: a URL of one of them is taken for the status itself. */
const PAGES = /\/(?:stats|connections|live|metrics|healthz|readyz)?$/;

/**
 * Reads a URL such as `http://127.0.0.1:9100`, `https://host:9100`, `unix:/run/mobcast-status.sock`, or the port alone: `9100`
 * and `:9100`. Throws a `TypeError` that says what a URL looks like when it cannot be read.
 */
export function parseStatusUrl(word: string): StatusUrl {
  const port = /^:?(\d{1,5})$/.exec(word)?.[1];
  if (word.startsWith("unix:")) {
    const address = parseAddress(word);
    if (address.transport === "unix") {
      // The system knows an abstract name by a first byte of 0.
      const socketPath = address.path.replace(/^@/, "\0");
      return { text: word, server: { protocol: "unix", socketPath }, folder: "" };
    }
  }
  const url = read(port === undefined ? word : `http://127.0.0.1:${port}`, word);
  const protocol = url.protocol.slice(0, -1) as "http" | "https";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const server = { protocol, host, port: Number(url.port || (protocol === "http" ? 80 : 443)) };
  const folder = url.pathname.replace(PAGES, "");
  return { text: `${url.protocol}//${url.host}${folder}/`, server, folder };
}

function read(text: string, word: string): URL {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot use ${JSON.stringify(word)} as the URL of a status: ${why}`);
  };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const form = /^(?:localhost|\[[\da-f:.]+\]|[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::\d{1,5})?$/i.test(text);
    return refuse(
      form ? `did you mean http://${text}${/:\d+$/.test(text) ? "" : ":9100"}?` : `it is like ${DEFAULT_STATUS_URL}`,
    );
  }
  if (["tcp", "tls", "ws", "wss"].includes(scheme)) {
    return refuse(`clients connect there, and serve --status has another, such as ${DEFAULT_STATUS_URL}`);
  }
  if (scheme !== "http" && scheme !== "https") return refuse(`"${scheme}:" is none of http:, https: and unix:`);
  const url = parse(text) ?? refuse(`it is like ${DEFAULT_STATUS_URL}`);
  if (url.port === "0") refuse("port 0 is no port to connect to");
  if (url.username !== "" || url.password !== "") refuse("it has no user and no password");
  if (url.search !== "" || url.hash !== "") refuse("nothing follows ? or #");
  return url;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
