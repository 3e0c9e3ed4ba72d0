/**
 * The HTTP client of the commands that look at a server, on `node:http`: the same on Node, Bun and Deno. Deadlines and limits
 * for the size of an answer are the caller's.
 *
 * @module
 */

import type { IncomingMessage, RequestOptions } from "node:http";
import type { HttpAnswer, HttpOptions, HttpServer } from "../../src/cli/terminal.ts";
import { VERSION } from "../../src/version.ts";

/** Requests `path`. Rejects with the system's error, which has words for what is wrong with a certificate. */
export async function httpGet(server: HttpServer, path: string, options: HttpOptions): Promise<HttpAnswer> {
  const { tls, signal } = options;
  const isSecure = server.protocol === "https";
  const { request } = isSecure ? await import("node:https") : await import("node:http");
  const certificates = isSecure ? await certificatesOf(tls) : {};
  signal.throwIfAborted();
  const where: RequestOptions = server.protocol === "unix"
    ? { socketPath: await pathOf(server.socketPath), headers: { host: "localhost" } }
    : { host: server.host, port: server.port };
  return await new Promise((resolve, reject) => {
    const message = request({
      ...certificates,
      ...where,
      path,
      // One connection for one request: nothing is left open when it is over.
      agent: false,
      headers: { ...where.headers, "user-agent": `mobcast/${VERSION}` },
      signal,
    }, (answer) => resolve(answerOf(answer)));
    message.on("error", (error) => void withWords(error, isSecure).then(reject));
    message.end();
  });
}

/** The path as the system has it; rejects where there are no Unix sockets. */
async function pathOf(path: string): Promise<string> {
  return (await import("../shared/unix_socket.ts")).systemPath({ transport: "unix", path });
}

function answerOf(answer: IncomingMessage): HttpAnswer {
  // Those who read the body are told; an answer that nobody reads may break off too.
  answer.on("error", () => {});
  const type = (answer.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();
  return { status: answer.statusCode ?? 0, type, chunks: answer };
}

/** The options for `node:https`, checked as those of a client over TLS are. */
async function certificatesOf(tls: HttpOptions["tls"]): Promise<object> {
  if (tls === undefined) return {};
  const { checked } = await import("../tls/pem.ts");
  return { ...checked(tls, "client"), ...(tls.servername !== undefined && { servername: tls.servername }) };
}

/** The error with words for what only HTTP and its certificates have. */
async function withWords(error: Error & { readonly code?: string }, isSecure: boolean): Promise<Error> {
  const { code = "" } = error;
  if (code.startsWith("HPE_")) return Object.assign(error, { words: `the answer is no HTTP (${code})` });
  if (code === "EPROTO") return Object.assign(error, { words: `TLS handshake failed (${code})` });
  return isSecure ? (await import("../tls/certificate_words.ts")).withWords(error) : error;
}
