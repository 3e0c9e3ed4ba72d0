/** `--bus-creds`: files of credentials, with users whom an operator and an account have signed. A real engine reads them. */

import { test } from "node:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BusMember } from "../helpers/bus_member.ts";
import { OURS, runCommand, ServerProcess } from "../helpers/command_line.ts";
import { NatsAuthority } from "../helpers/nats_jwt.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";

const options = { skip: NO_NATS, timeout: 120_000 };

/** A folder with files of credentials. */
async function withFiles(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { path(name: string): string }> {
  const folder = await mkdtemp(join(tmpdir(), "mobcast-creds-"));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o600);
  }
  return {
    path: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

test(
  "creds: a user of an account joins; one of another operator, or whose time is over, does not",
  options,
  async () => {
    const authority = new NatsAuthority();
    await using server = await NatsServer.start({ lines: authority.lines });
    await using member = await BusMember.join(1, server.url, { creds: authority.credentials() });
    member.say(100, 2000);
    await member.settled();
    assertEquals(member.heard, ["1.1", "1.2"]);
    for (const creds of [new NatsAuthority().credentials(), authority.credentials({ exp: 1_700_000_001 })]) {
      const error = await assertRejects(
        () => BusMember.join(2, server.url, { creds }),
        Error,
        "Cannot join bus room: ",
      );
      assertMatch((error as Error).message, /authorization|authentication/i);
      assert(!/eyJ|SU[A-Z2-7]{20}/.test((error as Error).message), "credentials in an error");
    }
  },
);

test(
  "--bus-creds: the command line joins with a file; without, or with one that is none, one line says why",
  options,
  async () => {
    const authority = new NatsAuthority();
    await using server = await NatsServer.start({ lines: authority.lines });
    const good = authority.credentials();
    await using files = await withFiles({
      good,
      foreign: new NatsAuthority().credentials(),
      none: "this is no file of credentials\n",
    });
    const bus = ["tcp://127.0.0.1:0", "--bus", `${server.url}/room`, "--log-level", "error"];
    await using mob = new ServerProcess(OURS, [...bus, "--bus-creds", files.path("good")]);
    await mob.match(/^joined bus room at 0\n/m);
    const why = {
      foreign: /^mobcast: Cannot join bus room: Authorization Violation\n$/i,
      none:
        /^mobcast: Cannot use --bus-creds \S+none: it is the text of a file of credentials, with a JWT and a seed [^\n]+\n$/,
      missing: /^mobcast: Cannot read \S+missing: there is no such file\n$/,
    };
    for (const [name, says] of Object.entries(why)) {
      const { code, stdout, stderr } = await runCommand(OURS, [...bus, "--bus-creds", files.path(name)]);
      assertEquals([name, code, stdout], [name, 1, ""], stderr);
      assertMatch(stderr, says);
      assert(!/eyJ|SU[A-Z2-7]{20}|internal error/.test(stderr), stderr);
    }
    assertEquals((await mob.stop()).code, 0);
  },
);
