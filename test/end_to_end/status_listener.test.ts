/** The status listener of the command line: its ready line, attacks on it, and its answers while the server drains. */

import { test } from "node:test";
import { connect as netConnect } from "node:net";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "../../mod.ts";
import { startServer, TESTED } from "../helpers/command_line.ts";
import { get, HttpClient } from "../helpers/http_client.ts";
import { resetStorm } from "../helpers/raw_client.ts";

const OPTIONS = ["--status", ":0", "--max-lag", "64MiB", "--drain-timeout", "20s"];

for (const runtime of TESTED) {
  test(`${runtime}: attacks on --status do not disturb clients, and it says that the server drains`, {
    timeout: 60_000,
  }, async () => {
    await using server = await startServer(runtime, OPTIONS);
    await server.match(/status on .*\n/);
    const [, port] = /^listening on tcp:[^\n]*\nstatus on http:\/\/127\.0\.0\.1:(\d+)\/\n$/.exec(server.stdout) ?? [];
    assert(port !== undefined, server.stdout);
    const where = { host: "127.0.0.1", port: Number(port) };
    const ask = async (path: string): Promise<string> => {
      using client = HttpClient.connect(where);
      return await client.send(get(path, "Connection: close")).over();
    };
    assertStringIncludes(await ask("/readyz"), "200 OK");
    assertStringIncludes(await ask("/metrics"), "mobcast_connections");

    // Three times as many connections as it has, with heads that do not end, and resets.
    const slow = Array.from({ length: 300 }, () => HttpClient.connect(where).send("GET / HTTP/1.1\r\nX: "));
    await resetStorm({ transport: "tcp", ...where }, 200);
    await using client = await connect(server.url);
    const messages = client.text();
    for (const text of ["one", "two", "three"]) {
      await client.send(text);
      assertEquals((await messages.next()).value, text);
    }
    for (const each of slow) each[Symbol.dispose]();

    // It reads nothing, so the server waits for it when it drains.
    const stuck = netConnect({ host: "127.0.0.1", port: server.port });
    stuck.on("error", () => {});
    await new Promise((resolve) => stuck.pause().once("connect", resolve));
    const megabyte = new Uint8Array(2 ** 20);
    for (let sent = 0; sent < 24; sent++) {
      await client.send(megabyte);
      await messages.next();
    }
    server.signal("SIGTERM");
    let ready = "";
    while (!/ 503 /.test(ready)) ready = await ask("/readyz");
    assertMatch(ready, /draining/);
    assertStringIncludes(await ask("/healthz"), "200 OK");
    stuck.destroy();
    const { code, stderr } = await server.exit();
    assertEquals(code, 0, stderr);
  });
}
