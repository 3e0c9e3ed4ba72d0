/** `stats` and `top` against the status of a real mob, on the runtime at hand: http, https and Unix sockets. */

import { test } from "node:test";
import process from "node:process";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Mob, serve } from "../../mod.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { main } from "../../src/cli/main.ts";
import { type Address, formatAddress } from "../../src/contract/address.ts";
import type { HttpListenOptions } from "../../src/contract/http.ts";
import { statusHandler } from "../../src/status/handler.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";

const LIMITED = { timeout: 30_000 };

/** Runs with the URL of a mob's status, as clients write it. */
async function withStatus(
  address: Address,
  options: Partial<HttpListenOptions>,
  run: (url: string, mob: Mob) => Promise<void>,
): Promise<void> {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const adapter = await runtimeAdapter();
  const listener = await adapter.listenHttp!(address, { handler: statusHandler(mob), allows: () => true, ...options });
  try {
    const scheme = address.transport === "tls" ? "https" : "http";
    await run(formatAddress(listener.address).replace(/^(?:tcp|tls):/, `${scheme}:`), mob);
  } finally {
    await listener.close();
  }
}

const LOCAL = { host: "127.0.0.1", port: 0 } as const;

test("stats and top of a real mob: what they say is what it counts", LIMITED, async () => {
  await withStatus({ transport: "tcp", ...LOCAL }, {}, async (url, mob) => {
    const client = mob.join();
    for (let count = 0; count < 7; count++) await client.send("hello");
    const json = new FakeTerminal("stats", url, "--json");
    assertEquals([await main(json), json.stderr.text], [0, ""]);
    const { stats } = JSON.parse(json.stdout.text);
    assertEquals([stats.connections, stats.published.frames], [1, mob.stats().published.frames]);
    const top = new FakeTerminal("top", url, "--count", "1");
    assertEquals([await main(top), top.stderr.text], [0, ""]);
    assertMatch(
      top.stdout.text,
      /^(All is well: 1 connection, not behind\.|The process was busy .*)$[^]*connections 1 /m,
    );
    await client.close();
  });
});

test(
  "stats through a Unix socket",
  { ...LIMITED, skip: process.platform === "win32" && "no such sockets" },
  async () => {
    await using files = await TlsFixture.make();
    const path = files.path("status.sock");
    await withStatus({ transport: "unix", path }, {}, async (url) => {
      assertStringIncludes(url, path);
      const terminal = new FakeTerminal("stats", url);
      assertEquals([await main(terminal), terminal.stderr.text], [0, ""]);
      assertMatch(terminal.stdout.text, /^Server\n {2}version +mobcast /);
    });
    const gone = new FakeTerminal("stats", `unix:${path}`);
    assertEquals(await main(gone), 1);
    assertStringIncludes(gone.stderr.text, `(ENOENT), start the server with --status unix:${path}\n`);
  },
);

test("stats over TLS: authority, name and certificate are those of the options", LIMITED, async () => {
  await using files = await TlsFixture.make();
  const { cert: ca } = files.authority;
  const [other, own] = await Promise.all([
    files.authority.issue({ host: "mob.example.org" }),
    files.authority.issue({ usage: "client" }),
  ]);
  const certificates = { cert: other.cert, key: other.key, ca };
  await withStatus({ transport: "tls", ...LOCAL }, { tls: certificates }, async (url) => {
    const asked = async (...args: string[]): Promise<readonly [number, string]> => {
      const terminal = new FakeTerminal("stats", url, ...args);
      for (const [name, text] of [["ca", ca], ["cert", own.cert], ["key", own.key]] as const) {
        terminal.texts.set(name, { text, mode: 0o600 });
      }
      return [await main(terminal), terminal.stderr.text];
    };
    const named = ["--ca", "ca", "--servername", "mob.example.org"];
    assertEquals(await asked(...named, "--cert", "cert", "--key", "key"), [0, ""]);
    for (
      const [args, says] of [
        [["--cert", "cert", "--key", "key"], /the server's (?:authority|certificate) [^\n]+\([A-Z_]+\)\n$/],
        [
          ["--ca", "ca", "--cert", "cert", "--key", "key"],
          /certificate has another name \(ERR_TLS_CERT_ALTNAME_INVALID\)\n$/,
        ],
        [named, /^mobcast: Cannot read the status of https:[^\n]+\n$/],
        [["--ca", "key"], /^mobcast: Cannot [^\n]+\n$/],
      ] as const
    ) {
      const [code, error] = await asked(...args);
      assertEquals(code, 1, args.join(" "));
      assertMatch(error, says, args.join(" "));
    }
  });
});
