/** The status listener of a mob: its options, what it answers while the mob drains, and when it ends. */

import { test } from "node:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect as netConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connect, Mob, serve, type ServeOptions } from "../../mod.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { get, HttpClient } from "../helpers/http_client.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { pause, rejection, within } from "../helpers/wait.ts";

const LIMITED = { timeout: 30_000 };
const ANYWHERE = "http://127.0.0.1:0";

function open(options: ServeOptions = {}): Promise<Mob> {
  return serve({ listen: "tcp://127.0.0.1:0", status: ANYWHERE, ...options });
}

/** A client of a status listener. */
function clientOf(mob: Mob): HttpClient {
  return HttpClient.connect({ host: "127.0.0.1", port: Number(new URL(mob.statusUrl!).port) });
}

/** What a path answers, with its status first. */
async function ask(mob: Mob, path: string, ...headers: readonly string[]): Promise<string> {
  using client = clientOf(mob);
  const text = await client.send(get(path, "Connection: close", ...headers)).over();
  return `${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]} ${text}`;
}

test("status: a mob has one status listener, which answers and ends with the mob", LIMITED, async () => {
  const mob = await open();
  const url = mob.statusUrl!;
  assertMatch(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
  for (const path of ["/metrics", "/healthz", "/readyz", "/stats", "/connections", "/"]) {
    assertMatch(await ask(mob, path), /^200 /, path);
  }
  const second = await rejection(mob.serveStatus(ANYWHERE), "a second one");
  assertStringIncludes(second.message, `it is on ${url} already`);
  // A live stream ends in order.
  using live = clientOf(mob).send(get("/live"));
  await live.got("data: ");
  await mob.close();
  assertMatch(await live.over(), /0\r\n\r\n$/);
  assertEquals(mob.statusUrl, undefined);
  const late = await rejection(mob.serveStatus(ANYWHERE), "one of a closed mob");
  assertStringIncludes(late.message, "the mob is closed");
});

test(
  "status: from the first moment of draining it is not ready, and it stays until the mob has closed",
  LIMITED,
  async () => {
    const mob = await open({ maxLag: 64 * 2 ** 20, drainTimeout: 20_000 });
    const { port } = new URL(mob.urls[0]!.replace("tcp:", "http:"));
    // It reads nothing, so what is pending for it keeps the mob open.
    const stuck = netConnect({ host: "127.0.0.1", port: Number(port) });
    stuck.on("error", () => {});
    stuck.pause();
    while (mob.stats().connections === 0) await ask(mob, "/healthz");
    for (let sent = 0; sent < 24; sent++) mob.publish(new Uint8Array(2 ** 20));
    assertMatch(await ask(mob, "/readyz"), /^200 /);
    const closing = mob.close();
    assertMatch(await ask(mob, "/readyz"), /^503 [^]*draining/);
    assertMatch(await ask(mob, "/healthz"), /^200 /);
    assertStringIncludes(await ask(mob, "/metrics"), "mobcast_");
    stuck.destroy();
    await within(closing, "close");
    assertEquals(mob.statusUrl, undefined);
  },
);

test("status: a listener that cannot open fails serve, and the others are closed", LIMITED, async () => {
  await using first = await open();
  const ports: number[] = [];
  const runtime = await runtimeAdapter();
  const adapter: Adapter = {
    ...runtime,
    async listen(...given) {
      const listener = await runtime.listen(...given);
      ports.push((listener.address as { port: number }).port);
      return listener;
    },
  };
  const refused = await rejection(open({ status: first.statusUrl, adapter }), "a second one there");
  assertEquals(refused.code, "EADDRINUSE");
  assertStringIncludes(refused.message, `Cannot serve the status on ${first.statusUrl}: `);
  await rejection(connect(`tcp://127.0.0.1:${ports[0]}`), "connecting to what was closed");
  // Another URL can be tried.
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  await rejection(mob.serveStatus(first.statusUrl!), "in use");
  assertEquals(mob.statusUrl, undefined);
  assertEquals(await mob.serveStatus(new URL(ANYWHERE)), mob.statusUrl!);
});

test("status: one that opens while the mob closes is closed again", LIMITED, async () => {
  const happened: string[] = [];
  let go: () => void = () => {};
  const allowed = new Promise<void>((resolve) => go = resolve);
  const adapter: Adapter = {
    ...memoryAdapter(),
    async listenHttp(address) {
      happened.push("opening");
      await allowed;
      return { address, close: () => Promise.resolve(void happened.push("closed")) };
    },
  };
  const mob = new Mob(adapter);
  const opening = rejection(mob.serveStatus(ANYWHERE), "opening");
  while (happened.length === 0) await pause();
  const closing = mob.close({ drain: 0 }).then(() => happened.push("mob closed"));
  await pause();
  go();
  assertStringIncludes((await opening).message, "the mob is closed");
  await within(closing, "close");
  assertEquals([happened, mob.statusUrl], [["opening", "closed", "mob closed"], undefined]);
});

test("status: allow and deny refuse by address, hosts by name", LIMITED, async () => {
  await using denied = await open({ status: { url: ANYWHERE, deny: ["127.0.0.0/8"] } });
  using refused = clientOf(denied).send(get("/healthz"));
  assertEquals(await refused.over(), "");
  await using mob = await open({ status: { url: ANYWHERE, allow: ["127.0.0.1"], hosts: ["mob.example"] } });
  for (
    const [host, status] of [["127.0.0.1", 200], ["localhost", 200], ["MOB.example:9100", 200], ["evil.example", 403]]
  ) {
    using client = clientOf(mob);
    client.send(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assertStringIncludes(await client.over(), `HTTP/1.1 ${status} `, `${host}`);
  }
  await using plain = await open();
  using client = clientOf(plain).send("GET /stats HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await client.over(), "HTTP/1.1 403 ");
});

test("status: a Unix socket has the mode of the mob's option, and no lists", LIMITED, async () => {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-"));
  try {
    const path = join(folder, "status.sock");
    const mob = await open({ status: `unix://${path}`, unixMode: 0o660 });
    assertEquals(mob.statusUrl, `unix://${path}`);
    using client = HttpClient.connect({ path });
    assertStringIncludes(await client.send(get("/readyz", "Connection: close")).over(), "ready");
    await mob.close();
    assertEquals(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("status: https has the certificates of the mob or its own, and reload shows new ones", LIMITED, async () => {
  const authority = await makeAuthority("an authority");
  const pairs = [await authority.issue(), await authority.issue()];
  let at = 0;
  await using mob = await open({ status: "https://127.0.0.1:0", tls: () => pairs[at]! });
  assertMatch(mob.statusUrl!, /^https:/);
  const fingerprint = async (): Promise<string> => {
    const socket = tlsConnect({ host: "127.0.0.1", port: Number(new URL(mob.statusUrl!).port), ca: authority.cert });
    using client = new HttpClient(socket);
    assertStringIncludes(await client.send(get("/readyz")).got("ready"), "ready");
    return socket.getPeerCertificate().fingerprint256;
  };
  const before = await fingerprint();
  at = 1;
  await mob.reload();
  assert(before !== await fingerprint());
});

const WRONG: readonly (readonly [status: unknown, message: string])[] = [
  [9100, "9100: a URL is a string such as http://127.0.0.1:9100"],
  ["9100", `"9100": its URL looks like http://127.0.0.1:9100`],
  ["9100", "did you mean http://127.0.0.1:9100"],
  ["tcp://127.0.0.1:9100", "did you mean http://127.0.0.1:9100"],
  ["http://127.0.0.1:9100/x", "it has a path"],
  ["http://127.0.0.1:70000", "a port is a number from 0 to 65535"],
  ["http://", "it names no host"],
  [[ANYWHERE], "a URL is a string"],
  [{}, "a URL is a string"],
  [
    { url: ANYWHERE, alow: [] },
    "option status.alow: there is none of that name in a status listener, did you mean allow?",
  ],
  [{ url: ANYWHERE, allow: "127.0.0.1" }, "status.allow"],
  [{ url: ANYWHERE, deny: ["nonsense"] }, "status.deny"],
  [{ url: ANYWHERE, hosts: ["http://mob.example"] }, "status.hosts"],
  [{ url: ANYWHERE, hosts: ["mob.example:80"] }, "status.hosts"],
  [{ url: ANYWHERE, tls: { cert: "", key: "" } }, "status.tls"],
  [{ url: ANYWHERE, unixMode: 0o600 }, "is no Unix socket"],
  [{ url: "unix:x", allow: ["127.0.0.1"] }, "clients of a Unix socket have no address"],
  [{ url: "unix:x", deny: [] }, "clients of a Unix socket have no address"],
];

test("status: options that are wrong, or without effect, are refused before anything opens", LIMITED, async () => {
  const adapter: Adapter = { ...memoryAdapter(), listen: () => Promise.reject(new Error("opened")) };
  for (const [status, message] of WRONG) {
    const error = await rejection(serve({ status: status as string, adapter }), String(status));
    assertStringIncludes(error.message, message);
    assertEquals(error.name, "TypeError", message);
  }
  const tls = await rejection(serve({ status: ANYWHERE, tls: { cert: "", key: "" }, adapter }), "certificates");
  assertStringIncludes(tls.message, "no URL of listen begins with tls:");
});

test(
  "status: the default ports are those of http and https, and an adapter without HTTP is said",
  LIMITED,
  async () => {
    const asked: unknown[] = [];
    const adapter: Adapter = {
      ...memoryAdapter(),
      listenHttp: (address) => Promise.reject(new Error(`no ${asked.push(address)}`)),
    };
    const tls = { cert: "", key: "" };
    for (const url of ["http://[::1]", "https://Mob.example/"]) {
      await rejection(new Mob(adapter, { tls }).serveStatus(url), url);
    }
    assertEquals(asked, [{ transport: "tcp", host: "::1", port: 80 }, {
      transport: "tls",
      host: "Mob.example",
      port: 443,
    }]);
    const none = await rejection(new Mob(memoryAdapter()).serveStatus(ANYWHERE), "no HTTP");
    assertStringIncludes(none.message, "this adapter has no HTTP");
  },
);

test("status: one that others on the network can read is warned of", LIMITED, async () => {
  const adapter: Adapter = { ...memoryAdapter(), listenHttp: () => Promise.reject(new Error("enough")) };
  const tls = { cert: "", key: "" };
  const warned = async (status: string, options: object = {}): Promise<string[]> => {
    const records = await logged("info", async () => {
      await rejection(new Mob(adapter, { tls }).serveStatus({ url: status, ...options }), status);
    });
    return records.map(lineOf);
  };
  assertMatch((await warned("http://0.0.0.0:9100")).join(), /Exposed: .*http:\/\/0\.0\.0\.0:9100\/.*in the clear/);
  assertMatch((await warned("https://0.0.0.0:9100")).join(), /Exposed: .*client certificates/);
  assertEquals(await warned("http://0.0.0.0:9100", { allow: ["10.0.0.0/8"] }), []);
  assertEquals(await warned("https://0.0.0.0:9100", { tls: { ...tls, ca: "" } }), []);
  assertEquals(await warned("http://127.0.0.1:9100"), []);
  assertEquals(await warned("unix:x"), []);
});
