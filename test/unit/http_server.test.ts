/** HTTP servers of the adapters, on the runtime at hand: what is answered, what is refused, and their limits. */

import { test } from "node:test";
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import {
  type AddressInfo,
  connect as netConnect,
  createServer,
  type NetConnectOpts,
  type Socket as NetSocket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect, type ConnectionOptions } from "node:tls";
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { HttpConnection } from "../../adapters/http/http_connection.ts";
import { type HttpLimits, listenHttp } from "../../adapters/http/http_server.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { handshakesOf } from "../../adapters/tls/tls.ts";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import type { HttpHandler, HttpListenOptions } from "../../src/contract/http.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { assertNoMoreDescriptors, descriptors, MOMENTS } from "../helpers/descriptors.ts";
import { get, HttpClient } from "../helpers/http_client.ts";
import { resetStorm } from "../helpers/raw_client.ts";
import { pausing } from "../helpers/transports.ts";
import { Bell, pause, rejection, within } from "../helpers/wait.ts";

const adapter = await runtimeAdapter();
const TCP: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };
const TLS: Address = { transport: "tls", host: "127.0.0.1", port: 0 };

function case_(fact: string, run: () => Promise<void>): void {
  test(`http: ${fact}`, { timeout: 30_000 }, run);
}

/** An open listener and the clients that a test makes. */
class Stage implements AsyncDisposable {
  readonly listener: ListeningSocket;
  readonly #clients: HttpClient[] = [];

  constructor(listener: ListeningSocket) {
    this.listener = listener;
  }

  /** Opens a listener. */
  static async open(
    handler: HttpHandler = () => new Response("hello"),
    limits: Partial<HttpLimits> = {},
    options: Partial<HttpListenOptions> = {},
    address: Address = TCP,
  ): Promise<Stage> {
    return new Stage(await listenHttp(address, { handler, allows: () => true, ...options }, limits));
  }

  get port(): number {
    return (this.listener.address as NetworkAddress).port;
  }

  /** A client that connects. */
  client(where: NetConnectOpts = { host: "127.0.0.1", port: this.port }): HttpClient {
    const client = HttpClient.connect(where);
    this.#clients.push(client);
    return client;
  }

  /** A client over TLS. */
  secure(options: ConnectionOptions): HttpClient {
    const below = netConnect({ host: "127.0.0.1", port: this.port });
    const client = new HttpClient(pausing(tlsConnect({ socket: below, servername: "localhost", ...options }), below));
    this.#clients.push(client);
    return client;
  }

  /** Waits until a client is served: connections that are over may still be counted. */
  async served(): Promise<void> {
    const began = performance.now();
    while (!(await this.client().send(get("/")).got("hello")).includes("hello")) {
      assertLess(performance.now() - began, 5000, "ms until there is room");
      await pause(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client[Symbol.dispose]();
    await this.listener.close();
  }
}

/** A body without end, which counts what was taken of it. */
class Endless {
  /** Bytes that were taken of it. */
  taken = 0;
  /** Whether it was canceled. */
  canceled = false;
  readonly #bell: Bell = new Bell();

  /** The handler that answers with it. */
  readonly handler: HttpHandler = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(new Uint8Array(64 * 1024).fill(46));
          this.taken += 64 * 1024;
        },
        cancel: () => {
          this.canceled = true;
          this.#bell.ring();
        },
      }),
    );

  /** Waits until it is canceled. */
  over(): Promise<void> {
    return this.#bell.until(() => this.canceled, "the end of the body");
  }
}

/** A body of events: one at once, and no more until it is canceled. */
function events(canceled: () => void): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
    cancel: canceled,
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

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

// --- what is refused ---

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

// --- limits ---

case_("a client that does not finish its first head in time is cut, however steadily it sends", async () => {
  await using stage = await Stage.open(undefined, { headTimeout: 300 });
  const silent = stage.client();
  const slow = stage.client().send("GET / HTTP/1.1\r\n");
  let dripped = 0;
  while (!slow.closed) {
    slow.send(`X-${dripped++}: 1\r\n`);
    await pause(10);
    assertLess(dripped, 800);
  }
  await silent.over();
  assertEquals([slow.text, silent.text], ["", ""]);
});

case_("an idle connection is closed after its response, and so is a slow second head", async () => {
  await using stage = await Stage.open(undefined, { keepAlive: 200 });
  const idle = stage.client().send(get("/"));
  const slow = stage.client().send(get("/"));
  await slow.got("hello");
  slow.send("GET /");
  assertStringIncludes(await idle.over(), "hello");
  assertEquals((await slow.over()).match(/hello/g)?.length, 1);
});

case_("of 200 connections at once 100 are served and the others closed, and then there is room again", async () => {
  const most = 100;
  await using stage = await Stage.open();
  const clients = Array.from({ length: 2 * most }, () => stage.client());
  for (const client of clients) client.send(get("/"));
  for (const client of clients) await client.got("hello");
  assertEquals(clients.filter(({ text }) => text.includes("hello")).length, most);
  assertEquals(clients.filter(({ closed }) => !closed).length, most);
  for (const client of clients) client[Symbol.dispose]();
  await stage.served();
});

case_("a client that is not allowed is closed without an answer", async () => {
  const asked: string[] = [];
  await using stage = await Stage.open(undefined, {}, { allows: (address) => asked.push(address) > 1 });
  assertEquals(await stage.client().send(get("/")).over(), "");
  assertStringIncludes(await stage.client().send(get("/")).got("hello"), "hello");
  for (const address of asked) assertMatch(address, /^127\.0\.0\.1:\d+$/);
});

case_(
  "requests that come together are answered in order, one at a time, and too many close the connection",
  async () => {
    let running = 0;
    let most = 0;
    await using stage = await Stage.open(async (request) => {
      most = Math.max(most, ++running);
      await pause(5);
      running--;
      return new Response(`<${new URL(request.url).pathname}>`);
    });
    const client = stage.client().send([1, 2, 3].map((each) => get(`/${each}`)).join(""));
    await client.got("</3>");
    assertEquals([client.text.match(/<\/\d>/g), most], [["</1>", "</2>", "</3>"], 1]);
    const flood = await stage.client().send(get("/").repeat(1000)).over();
    assertLess(flood.match(/HTTP/g)?.length ?? 0, 20);
  },
);

case_("nothing is taken of a body while its client does not read, and the client is dropped in the end", async () => {
  const body = new Endless();
  await using stage = await Stage.open(body.handler, { stallTimeout: 500 });
  const client = stage.client();
  client.socket.pause();
  client.send(get("/"));
  await body.over();
  // What kernels buffer, and no more: a megabyte or four.
  assertLess(body.taken, 16 * 2 ** 20);
  const before = body.taken;
  await pause(50);
  assertEquals(body.taken, before);
});

case_("a client that reads slowly gets everything", async () => {
  const size = 12 * 2 ** 20;
  await using stage = await Stage.open(() => new Response(new Uint8Array(size).fill(46)), { stallTimeout: 500 });
  const client = stage.client().send(get("/", "Connection: close"));
  let paused = 0;
  client.socket.on("data", () => {
    if (client.text.length < 2 ** 20 * (paused + 1)) return;
    paused++;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 20);
  });
  const text = await client.over();
  assertEquals(text.match(/\.+/g)?.reduce((sum, { length }) => sum + length, 0), size + 1, text.slice(0, 300));
});

case_("a body is canceled when its client goes, in whichever way", async () => {
  for (const how of ["destroy", "end", "resetAndDestroy"] as const) {
    const bell = new Bell();
    let canceled = false;
    await using stage = await Stage.open(() =>
      events(() => {
        canceled = true;
        bell.ring();
      })
    );
    const client = stage.client().send(get("/live"));
    assertStringIncludes(await client.got("data: 1"), "text/event-stream");
    client.socket[how]();
    await bell.until(() => canceled, `cancel after ${how}`);
  }
});

case_("garbage while a response is sent breaks the connection", async () => {
  let canceled = false;
  await using stage = await Stage.open(() => events(() => canceled = true));
  const client = stage.client().send(get("/live"));
  await client.got("data: 1");
  const text = await client.send("\0\0garbage\r\n\r\n").over();
  assertEquals([text.match(/HTTP\/1\.1/g)?.length, canceled], [1, true]);
});

// --- closing ---

case_("closing ends streams in order, idle connections and connections without a request", async () => {
  let canceled = 0;
  const stage = await Stage.open((request) =>
    request.url.endsWith("/live") ? events(() => canceled++) : new Response("hello")
  );
  const clients = [stage.client().send(get("/live")), stage.client().send(get("/")), stage.client()];
  await Promise.all([clients[0]!.got("data: 1"), clients[1]!.got("0\r\n\r\n"), pause(20)]);
  const began = performance.now();
  await within(stage.listener.close(), "close");
  assertLess(performance.now() - began, 900);
  assertEquals(canceled, 1);
  assertMatch(await clients[0]!.over(), /data: 1\n\n\r\n0\r\n\r\n$/);
  await Promise.all(clients.map((client) => client.over()));
  // The port is free again.
  await using _again = await Stage.open(undefined, {}, {}, { ...TCP, port: stage.port } as NetworkAddress);
});

case_("closing does not wait for a client that takes nothing", async () => {
  const body = new Endless();
  const stage = await Stage.open(body.handler, { closing: 100 });
  const client = stage.client();
  client.socket.pause();
  client.send(get("/"));
  for (let before = -1; body.taken === 0 || body.taken !== before;) {
    before = body.taken;
    await pause(50);
  }
  await within(stage.listener.close(), "close");
  assert(body.canceled);
  client.socket.resume();
  await client.over();
});

case_("resets do not end a listener", async () => {
  await using stage = await Stage.open();
  await resetStorm(stage.listener.address as NetworkAddress, 200);
  await stage.served();
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

// --- TLS ---

const authority = await makeAuthority("an authority");
const [server, other, clientPair] = await Promise.all([
  authority.issue(),
  authority.issue(),
  authority.issue({ usage: "client" }),
]);
const { cert: ca } = authority;

case_("over TLS: https URLs, no answer in the clear, and limits as without", async () => {
  await using stage = await Stage.open(({ url }) => new Response(`<${url}>`), { headTimeout: 300, keepAlive: 200 }, {
    tls: server,
  }, TLS);
  const secure = stage.secure({ ca }).send(get("/a"));
  assertStringIncludes(await secure.got("<https://localhost/a>"), "<https://localhost/a>");
  await secure.over();
  await stage.secure({ ca }).over();
  assert(!(await stage.client().send(get("/")).over()).includes("HTTP"));
});

case_("over TLS with an authority, only clients with its certificate are answered", async () => {
  let calls = 0;
  const handler = (): Response => new Response(`hello ${++calls}`);
  await using stage = await Stage.open(handler, {}, { tls: { ...server, ca } }, TLS);
  const foreign = await (await makeAuthority("another")).issue({ usage: "client" });
  for (const options of [{}, foreign]) {
    assert(!(await stage.secure({ ca, ...options }).send(get("/")).over()).includes("hello"));
  }
  assertEquals(calls, 0);
  assertStringIncludes(await stage.secure({ ca, ...clientPair }).send(get("/")).got("hello 1"), "hello 1");
});

case_("over TLS, reload shows other certificates to new connections, and can begin to ask for theirs", async () => {
  await using stage = await Stage.open(undefined, {}, { tls: server }, TLS);
  const fingerprint = async (options: ConnectionOptions): Promise<string> => {
    const client = stage.secure({ ca, ...options }).send(get("/"));
    await client.got("hello");
    return client.text.includes("hello")
      ? (client.socket as ReturnType<typeof tlsConnect>).getPeerCertificate().fingerprint256
      : "refused";
  };
  const before = await fingerprint({});
  const open = stage.secure({ ca }).send(get("/"));
  await open.got("0\r\n\r\n");
  await stage.listener.reload!(other);
  const after = await fingerprint({});
  assert(before !== after && after !== "refused", `${before} ${after}`);
  await rejection(stage.listener.reload!({ cert: "no", key: "no" }), "reload");
  assertEquals(await fingerprint({}), after);
  await stage.listener.reload!({ ...other, ca });
  assertEquals(await fingerprint({}), "refused");
  assertEquals(await fingerprint(clientPair), after);
  // A connection of before stays.
  await open.send(get("/")).got("hello", 2);
  assertEquals(open.text.match(/hello/g)?.length, 2);
});

case_("over TLS, a client that floods an event stream or does not read it is bounded and dropped", async () => {
  const body = new Endless();
  await using stage = await Stage.open(body.handler, { stallTimeout: 500 }, { tls: server }, TLS);
  const client = stage.secure({ ca });
  client.send(get("/"));
  await client.got("HTTP/1.1 200");
  client.stopReading();
  await body.over();
  assertLess(body.taken, 16 * 2 ** 20);
  await using live = await Stage.open(() => events(() => {}), {}, { tls: server }, TLS);
  const flood = live.secure({ ca }).send(get("/"));
  await flood.got("data: 1");
  await flood.send(get("/").repeat(1000)).over();
});

case_("the adapter of the runtime has it", async () => {
  const listener = await adapter.listenHttp!(TCP, { handler: () => new Response("hello"), allows: () => true });
  using client = HttpClient.connect({ host: "127.0.0.1", port: (listener.address as NetworkAddress).port });
  assertStringIncludes(await client.send(get("/")).got("hello"), "hello");
  await listener.close();
});

for (const [transport, address] of Object.entries({ tcp: TCP, tls: TLS })) {
  case_(`a connection that is dropped at any moment of its end leaves no descriptor open, ${transport}`, async () => {
    const handshakes = address === TLS ? handshakesOf(await authority.issue()) : undefined;
    const arrived = new Bell();
    let connection: HttpConnection | undefined;
    const begin = (raw: NetSocket, socket: NetSocket): void => {
      const times = { headTimeout: 60_000, keepAlive: 60_000, stallTimeout: 60_000 };
      connection = new HttpConnection(raw, false, () => new Response("hello"), times);
      raw.once("close", connection.gone.bind(connection));
      connection.begin(socket);
      arrived.ring();
    };
    const server = createServer({ allowHalfOpen: true }, (raw) => {
      raw.on("error", () => {});
      if (handshakes === undefined) return begin(raw, raw);
      handshakes.begin(raw, 60_000, (outcome) => !(outcome instanceof Error) && begin(raw, outcome));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const before = descriptors();
    for (const [when, moment] of Object.entries(MOMENTS)) {
      connection = undefined;
      const below = netConnect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const client = handshakes ? tlsConnect({ socket: below, ca: authority.cert, servername: "localhost" }) : below;
      client.on("error", () => {}).resume();
      await arrived.until(() => connection !== undefined, "a connection");
      connection!.leave();
      await moment();
      connection!.drop();
      await within(connection!.over, `the end of a connection that is dropped ${when}`);
      client.destroy();
      below.destroy();
      await assertNoMoreDescriptors(before, when);
    }
    server.close();
  });
}
