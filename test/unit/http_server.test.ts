/** HTTP servers of the adapters, on the runtime at hand: what is answered, what is refused, and where they listen. */

import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { listenHttp } from "../../adapters/http/http_server.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import { get } from "../helpers/http_client.ts";
import { pause, rejection } from "../helpers/wait.ts";
import { case_, Endless, Stage, TCP } from "../helpers/http_stage.ts";

// --- requests and responses ---

case_("a handler gets a request of the web, and its response is sent; the connection stays for the next", async () => {
  const seen: unknown[] = [];
  await using stage = await Stage.open(async (request) => {
    seen.push([request.method, request.url, request.headers.get("x-a"), request.body]);
    await pause();
    return new Response(`<${new URL(request.url).pathname}>`, { status: 203, headers: { "x-b": "two" } });
  });
  const client = stage.client().send(get("/one?x=%20y", "X-A: 1"));
  const text = await client.got("</one>");
  assertMatch(text, /^HTTP\/1\.1 203 [^]*\r\nx-b: two\r\n/i);
  await client.got("0\r\n\r\n");
  client.send("GET /two HTTP/1.1\r\nhost: Example.test:9100\r\n\r\n");
  await client.got("</two>");
  client.send("GET http://example.test/three HTTP/1.1\r\nhost: Example.test\r\n\r\n");
  await client.got("</three>");
  assertEquals(seen, [
    ["GET", "http://localhost/one?x=%20y", "1", null],
    ["GET", "http://example.test:9100/two", null, null],
    ["GET", "http://example.test/three", null, null],
  ]);
  assertEquals(client.closed, false);
});

case_("the response to HEAD has no body, and that of the handler is canceled", async () => {
  const body = new Endless();
  await using stage = await Stage.open(body.handler);
  const client = stage.client().send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await body.over();
  await client.got("\r\n\r\n");
  assertMatch(client.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
});

case_("a client of HTTP/1.0 is answered, and its connection is closed", async () => {
  await using stage = await Stage.open();
  const text = await stage.client().send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").over();
  assertMatch(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello$/);
});

case_("a handler that fails is answered with 500, and a body that fails breaks the connection", async () => {
  await using stage = await Stage.open((request) => {
    if (request.url.endsWith("/throws")) throw new Error("secret words");
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array([46])),
      pull: () => Promise.reject(new Error("secret words")),
    });
    return new Response(body);
  });
  const text = await stage.client().send(get("/throws")).over();
  assertMatch(text, /^HTTP\/1\.1 500 /);
  assert(!text.includes("secret"));
  assert(!(await stage.client().send(get("/breaks")).over()).includes("0\r\n\r\n"));
});

const HEAD = "GET / HTTP/1.1\r\n";

const REFUSED: readonly (readonly [what: string, request: string, status: number])[] = [
  ["no Host", `${HEAD}\r\n`, 400],
  ["two Hosts", `${HEAD}Host: a\r\nHost: b\r\n\r\n`, 400],
  ["an empty Host", `${HEAD}Host: \r\n\r\n`, 400],
  ["a Host with a path", `${HEAD}Host: a/b\r\n\r\n`, 400],
  ["a Host with a user", `${HEAD}Host: a@b\r\n\r\n`, 400],
  ["a Host with a port over 65535", `${HEAD}Host: a:70000\r\n\r\n`, 400],
  ["a target that is no path", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["the URL of another host", "GET http://other.test/ HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["POST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405],
  ["OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", 405],
  ["POST with a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413],
  ["a body in chunks", `${HEAD}Host: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 413],
  ["a body that waits", `${HEAD}Host: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`, 413],
  ["a body and another expectation", `${HEAD}Host: a\r\nContent-Length: 9\r\nExpect: cake\r\n\r\n`, 413],
  ["two lengths", `${HEAD}Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ["no HTTP", "\x16\x03\x01\x00\xa5 hello\r\n\r\n", 400],
  ["a frame", "\0\0\0\0\0\0\0\x05hello", 400],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["a head of 9,000 bytes", get("/", `X-A: ${"a".repeat(9000)}`), 431],
  ["a target of 9,000 bytes", get(`/${"a".repeat(9000)}`), 431],
  ["a thousand headers", get("/", ...Array.from({ length: 1000 }, (_, index) => `X-A${index}: ${index}`)), 431],
];

// --- what is refused ---

case_("what is no request for a handler is refused, and its connection closed", async () => {
  let calls = 0;
  await using stage = await Stage.open(() => {
    calls++;
    return new Response("?");
  });
  for (const [what, request, status] of REFUSED) {
    const text = await stage.client().send(request).over();
    assertEquals([what, /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]], [what, String(status)], text);
    assertMatch(text, /\r\nconnection: close\r\n/i, what);
    assertEquals(text.match(/^HTTP\/1\.1 /gm)?.length, 1, `${what}: ${text}`);
    if (status === 405) assertMatch(text, /\r\nallow: GET, HEAD\r\n/i);
  }
  // It is closed without an answer.
  assertEquals(await stage.client().send("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").over(), "");
  assertEquals(calls, 0);
  // A head just under the limit is answered.
  const text = await stage.client().send(get("/", `X-A: ${"a".repeat(7500)}`)).got("\r\n\r\n");
  assertStringIncludes(text, "200 OK");
});

// --- where ---

case_("an address in use is refused with EADDRINUSE, and a name is opened at each of its addresses", async () => {
  await using stage = await Stage.open(undefined, {}, {}, { ...TCP, host: "localhost" } as NetworkAddress);
  const refused = await rejection(
    listenHttp(stage.listener.address, { handler: () => new Response(), allows: () => true }),
    "listening twice",
  );
  assertEquals(refused.code, "EADDRINUSE");
  for (const { host, port } of stage.listener.addresses as readonly NetworkAddress[]) {
    assertStringIncludes(await stage.client({ host, port }).send(get("/")).got("hello"), "hello");
  }
});

case_("a Unix socket has its mode, replaces none that is in use, and is removed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-"));
  try {
    const path = join(folder, "status.sock");
    const address: Address = { transport: "unix", path };
    const asked: string[] = [];
    const allows = (from: string): boolean => asked.push(from) > 0;
    const stage = await Stage.open(undefined, {}, { unixMode: 0o660, allows }, address);
    assertEquals((lstatSync(path).mode & 0o777).toString(8), "660");
    assertStringIncludes(await stage.client({ path }).send(get("/")).got("hello"), "hello");
    assertEquals(asked, ["unix"]);
    const refused = await rejection(listenHttp(address, { handler: () => new Response(), allows }), "listening twice");
    assertEquals(refused.code, "EADDRINUSE");
    await stage[Symbol.asyncDispose]();
    assertEquals(readdirSync(folder), []);
    writeFileSync(path, "a file");
    const kept = await rejection(listenHttp(address, { handler: () => new Response(), allows }), "replacing a file");
    assertStringIncludes(kept.message, "no socket, so it is not replaced");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
