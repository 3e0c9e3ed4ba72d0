/** The clients of examples/clients in Python, Go and C talk with the real server of the runtime at hand. */

import { test } from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { CommandLine, OURS, ROOT, startServer } from "../helpers/command_line.ts";
import { FOREIGN_PROGRAMS, withForeignProgram } from "../helpers/foreign_programs.ts";
import { within } from "../helpers/wait.ts";

test("the clients in other languages are under 40 lines, and say how to run and to prove them", () => {
  const files = readdirSync(join(ROOT, "examples/clients")).filter((name) => /^client\.(?!ts$)/.test(name)).sort();
  assertEquals(files, FOREIGN_PROGRAMS.map(({ file }) => file).sort());
  for (const file of files) {
    const text = readFileSync(join(ROOT, "examples/clients", file), "utf8");
    assert(text.trimEnd().split("\n").length < 40, `${file} is long`);
    const head = text.split("\n").slice(0, 4).join("\n");
    assertMatch(head, new RegExp(`examples/clients/${file}.*tcp://127\\.0\\.0\\.1:8000`));
    assertMatch(head, /mobcast check /);
  }
});

for (const program of FOREIGN_PROGRAMS) {
  test(`examples/clients/${program.file}: sends lines, receives all in one order, leaves, and knows the secret`, {
    skip: program.skip,
    timeout: 120_000,
  }, () =>
    withForeignProgram(program, async (command) => {
      await using server = await startServer(OURS);
      await using client = await connect(server.url);
      const texts = client.text();
      await using foreign = new CommandLine(OURS, [server.url], command);
      // The longest message, text of several bytes a letter, and an empty line, which is a ping.
      const long = "x".repeat(2 ** 20);
      const lines = ["hello", "", "ünï😀cödé", long];
      foreign.write(lines.map((line) => `${line}\n`).join(""));
      const received: string[] = [];
      while (received.length < 3) received.push((await within(texts.next(), "a message")).value!);
      assertEquals(received, lines.filter((line) => line !== ""));

      await client.send("from another");
      await foreign.match(/from another\n/);
      assertEquals(foreign.stdout, `${[...received, "from another"].join("\n")}\n`);

      // Its input ends: what was published before that still comes, and it leaves in order.
      foreign.end("bye\n");
      for (const text of ["from another", "bye"]) assertEquals((await within(texts.next(), "a message")).value, text);
      const { code, stdout, stderr } = await foreign.exit();
      assertEquals([code, stderr], [0, ""]);
      assert(stdout.endsWith("\nfrom another\nbye\n"));

      // Another server asks for a secret, and closes first.
      const secret = `secret-of-${OURS}`;
      await using strict = await serve({ listen: "tcp://127.0.0.1:0", secret });
      const env = ["env", `MOBCAST_SECRET=${secret}`];
      await using other = new CommandLine(OURS, [strict.urls[0]!], [...env, ...command]);
      other.write("hello\n");
      await other.match(/^hello\n/);
      await strict.close();
      assertEquals(await other.exit(), { code: 0, stdout: "hello\n", stderr: "" });
    }));
}
