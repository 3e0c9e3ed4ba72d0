/** The client of a status: URLs, the answers of all kinds of servers, live reports cut at every byte, and what is wrong in one line. */

import { test } from "node:test";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Failure } from "../../src/cli/session.ts";
import { LARGEST, SILENCE, StatusClient } from "../../src/cli/status_client.ts";
import { DEFAULT_STATUS_URL, parseStatusUrl } from "../../src/cli/status_url.ts";
import type { HttpAnswer, Terminal } from "../../src/cli/terminal.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { bytesOf } from "../helpers/bytes.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { connectionOf, lookOf, reportOf } from "../helpers/reports.ts";

const LIMITED = { timeout: 30_000 };

// --- URLs ---

test("a URL of a status: http, https and unix, a port alone, a page of it, a folder of a proxy", () => {
  for (
    const [word, text, server, folder] of [
      ["9100", "http://127.0.0.1:9100/", { protocol: "http", host: "127.0.0.1", port: 9100 }, ""],
      [":9100", "http://127.0.0.1:9100/", { protocol: "http", host: "127.0.0.1", port: 9100 }, ""],
      [DEFAULT_STATUS_URL, "http://127.0.0.1:9100/", { protocol: "http", host: "127.0.0.1", port: 9100 }, ""],
      ["http://[::1]:9100/metrics", "http://[::1]:9100/", { protocol: "http", host: "::1", port: 9100 }, ""],
      ["http://h/stats", "http://h/", { protocol: "http", host: "h", port: 80 }, ""],
      ["HTTPS://h/mob/live", "https://h/mob/", { protocol: "https", host: "h", port: 443 }, "/mob"],
      ["unix:/run/s.sock", "unix:/run/s.sock", { protocol: "unix", socketPath: "/run/s.sock" }, ""],
      ["unix:@s", "unix:@s", { protocol: "unix", socketPath: "\0s" }, ""],
    ] as const
  ) {
    assertEquals(parseStatusUrl(word), { text, server, folder }, word);
  }
});

test("what is no URL of a status is refused with what was probably meant", () => {
  for (
    const [word, ...says] of [
      ["localhost:9100", "did you mean http://localhost:9100?"],
      ["example.com", "did you mean http://example.com:9100?"],
      ["tcp://127.0.0.1:8000", "clients connect there", "--status"],
      ["ws://127.0.0.1:8000", "clients connect there"],
      ["ftp://h", `"ftp:" is none of`],
      ["http://", DEFAULT_STATUS_URL],
      ["http://h:99999", DEFAULT_STATUS_URL],
      ["http://h:0", "port 0"],
      ["http://me:secret@h", "no user and no password"],
      ["http://h/?a=b", "nothing follows ?"],
      ["no url", DEFAULT_STATUS_URL],
      ["", DEFAULT_STATUS_URL],
      ["unix:", "Unix socket"],
    ] as const
  ) {
    const { message } = assertThrows(() => parseStatusUrl(word), TypeError);
    for (const part of says) assertStringIncludes(message, part, word);
  }
});

// --- live reports, without a network ---

/** A client of a server that answers with these parts. */
function clientOf(answer: Partial<HttpAnswer> & Pick<HttpAnswer, "chunks">, speed: number = 1): StatusClient {
  const terminal = new FakeTerminal();
  terminal.speed = speed;
  const own: Pick<Terminal, "get" | "after"> = {
    after: terminal.after.bind(terminal),
    get: () => Promise.resolve({ status: 200, type: "text/event-stream", ...answer }),
  };
  const { signal } = new AbortController();
  return new StatusClient(own, parseStatusUrl("9100"), { tls: undefined, connectTimeout: 10_000, signal });
}

async function* chunksOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void, void> {
  for (const part of parts) yield await Promise.resolve(typeof part === "string" ? bytesOf(part) : part);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A report with a name that has characters of one to four bytes. */
const REPORT: StatusReport = JSON.parse(
  JSON.stringify({ ...reportOf(), server: { version: "0.1.0", runtime: "ä€𝄞 1", state: "open" } }),
);

/** Two messages in every form that the standard knows (WHATWG HTML, 9.2.6). */
function streamIn(newline: string): string {
  const [first = "", ...rest] = JSON.stringify(REPORT, undefined, 1).split("\n");
  return [
    ": a comment",
    "event: message",
    "id: 7",
    "retry: 1000",
    "nonsense",
    `data:${first}`,
    ...rest.map((line) => `data: ${line}`),
    "",
    "event: other",
    "data: not a report",
    "",
    "data",
    `data: ${JSON.stringify(REPORT)}`,
    "",
    ": another",
    "data: cut of",
  ].join(newline);
}

test("live reports come whole, wherever the stream is cut, also inside a character", LIMITED, async () => {
  for (const newline of ["\n", "\r\n", "\r"]) {
    const bytes = bytesOf(`\ufeff${streamIn(newline)}`);
    const text = streamIn(newline);
    /** Where each kind of thing begins or ends: characters of several bytes, messages, and the stream. */
    const places = [0, bytes.length, bytesOf(text.slice(0, text.indexOf("data: not"))).length, bytes.indexOf(0xf0)];
    for (let at = 0; at <= bytes.length; at++) {
      // Every place would take many seconds.
      if (at % 499 !== 0 && !places.some((place) => Math.abs(place - at) < 12)) continue;
      const client = clientOf({ chunks: chunksOf(bytes.subarray(0, at), bytes.subarray(at)) });
      assertEquals(await all(client.live()), [REPORT, REPORT], `${JSON.stringify(newline)} ${at}`);
    }
  }
  const single = Array.from(bytesOf(streamIn("\r\n")), (byte) => Uint8Array.of(byte));
  assertEquals(await all(clientOf({ chunks: chunksOf(...single) }).live()), [REPORT, REPORT]);
});

test("what is no report, or has no end, ends the stream with one line", LIMITED, async () => {
  const long = "x".repeat(1024 * 1024);
  for (
    const [parts, says] of [
      [["data: {\n\n"], "not the status of mobcast"],
      [["data: {}\n\n"], "not the status of mobcast"],
      [[`data: ${JSON.stringify({ ...REPORT, stats: { ...REPORT.stats, lag: 7 } })}\n\n`], "not the status of mobcast"],
      [[`data: ${JSON.stringify({ ...REPORT, now: "7" })}\n\n`], "not the status of mobcast"],
      [["data: ", ...Array<string>(5).fill(long)], `more than ${LARGEST} bytes`],
      [[...Array<string>(5).fill(`data: ${long}\n`)], `more than ${LARGEST} bytes`],
    ] as const
  ) {
    const { message } = await assertRejects(() => all(clientOf({ chunks: chunksOf(...parts) }).live()), Failure);
    assertStringIncludes(message, says);
    assertMatch(message, /^Cannot read the status of http:\/\/127\.0\.0\.1:9100\/: [^\n]+$/);
  }
});

test("a stream that falls silent ends after some seconds, however long its reader takes", LIMITED, async () => {
  const message = `data: ${JSON.stringify(REPORT)}\n\n`;
  let isCut = false;
  async function* silent(): AsyncGenerator<Uint8Array, void, void> {
    yield bytesOf(message);
    yield bytesOf(message);
    await new Promise((resolve) => stop = () => resolve(undefined));
    throw new Error("aborted");
  }
  let stop = (): void => {};
  const terminal = new FakeTerminal();
  terminal.speed = 50;
  const client = new StatusClient(
    {
      after: terminal.after.bind(terminal),
      get: (_server, _path, { signal }) => {
        signal.addEventListener("abort", () => {
          isCut = true;
          stop();
        });
        return Promise.resolve({ status: 200, type: "text/event-stream", chunks: silent() });
      },
    },
    parseStatusUrl("9100"),
    { tls: undefined, connectTimeout: 10_000, signal: new AbortController().signal },
  );
  const live = client.live();
  assertEquals((await live.next()).done, false);
  // Longer than a server may be silent: that the reader takes its time says nothing of the server.
  await new Promise<void>((resolve) => terminal.after(2 * SILENCE, resolve));
  assertEquals([(await live.next()).done, isCut], [false, false]);
  const { message: words } = await assertRejects(() => live.next(), Failure);
  assertStringIncludes(words, `no answer in ${SILENCE / 1000} s`);
  assert(isCut);
});

// --- servers ---

/** Runs with a server that answers so, and the client for it. */
async function withServer(
  answer: RequestListener,
  run: (client: StatusClient, server: Server, stop: AbortController) => Promise<void>,
  speed: number = 1,
): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  const terminal = new FakeTerminal();
  terminal.speed = speed;
  const url = parseStatusUrl(String((server.address() as AddressInfo).port));
  try {
    const options = { tls: undefined, connectTimeout: 10_000, signal: stop.signal };
    await run(new StatusClient(terminal, url, options), server, stop);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("reports and connections are asked for, each with its query", LIMITED, async () => {
  const asked: string[] = [];
  const list = JSON.parse(JSON.stringify(lookOf({}, connectionOf(1)).list));
  await withServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(JSON.stringify(request.url === "/stats" ? REPORT : list));
  }, async (client) => {
    assertEquals(await client.report(), REPORT);
    assertEquals(await client.text(), JSON.stringify(REPORT));
    assertEquals(await client.connections("age", 7, 3), list);
  });
  assertEquals(asked, ["GET /stats", "GET /stats", "GET /connections?sort=age&limit=7&offset=3"]);
});

test("all kinds of wrong answers are one line that says what to do", LIMITED, async () => {
  for (
    const [status, type, body, ...says] of [
      [200, "text/html", "<p>", "not the status of mobcast"],
      [200, "application/json", "{}", "not the status of mobcast"],
      [200, "application/json", "nonsense", "not the status of mobcast"],
      [200, "application/json", " ".repeat(LARGEST + 1), `more than ${LARGEST} bytes`],
      [302, "text/plain", "", "another place (302)"],
      [404, "text/plain", "", "no /stats (404)"],
      [403, "text/plain", "Host is not\nallowed \x1b[1m", "refuses /stats (403): Host is not allowed \\x1b[1m"],
      [500, "text/html", "<p>", "refuses /stats (500)"],
      [503, "text/plain", "x".repeat(100_000), "(503): xxx"],
    ] as const
  ) {
    await withServer((_request, response) => {
      response.writeHead(status, { "content-type": type, location: "/" });
      response.end(body);
    }, async (client) => {
      const { message } = await assertRejects(() => client.report(), Failure);
      for (const part of says) assertStringIncludes(message, part);
      assertMatch(message, /^Cannot read the status of http:\/\/127\.0\.0\.1:\d+\/: [^\n]{1,300}$/);
    });
  }
});

test("no server, no answer and no HTTP are told apart", LIMITED, async () => {
  const client = (port: number, speed = 1): StatusClient => {
    const terminal = new FakeTerminal();
    terminal.speed = speed;
    const options = { tls: undefined, connectTimeout: 10_000, signal: new AbortController().signal };
    return new StatusClient(terminal, parseStatusUrl(String(port)), options);
  };
  const refused = await assertRejects(() => client(1).report(), Failure);
  assertMatch(refused.message, /connection refused \(ECONNREFUSED\), start the server with --status http:\/\/127/);
  for (
    const [first, speed, says] of [
      ["nonsense\n\n", 1, "the answer is no HTTP"],
      ["", 1, "connection reset (ECONNRESET), is that its URL?"],
      [undefined, 50, "no answer in 10 s"],
    ] as const
  ) {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      if (first !== undefined) socket.once("data", () => socket.end(first));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { message } = await assertRejects(() => client(port, speed).report(), Failure);
    assertStringIncludes(message, says);
    server.close();
  }
});

test("an answer that breaks off is one line, and a signal ends it at once", LIMITED, async () => {
  const message = `data: ${JSON.stringify(REPORT)}\n\n`;
  await withServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(message);
  }, async (client, server, stop) => {
    const live = client.live();
    assertEquals((await live.next()).value, REPORT);
    const broken = assertRejects(() => live.next(), Failure);
    server.closeAllConnections();
    assertStringIncludes((await broken).message, "Cannot read the status of ");
    const stopped = client.live();
    await stopped.next();
    const end = assertRejects(() => stopped.next(), Failure);
    stop.abort();
    await end;
    await assertRejects(() => client.report(), Failure);
  });
});
