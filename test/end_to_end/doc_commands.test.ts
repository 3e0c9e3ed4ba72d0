/**
 * The commands of the documents do what the documents say: each block of a shell is run line by line, in one folder, with free
 * ports in place of those that are written there. What is not run says why in {@link NOT_RUN}. The blocks in TypeScript are run
 * by doc_examples.test.ts and, with those in JavaScript, by `deno test --doc` in .ci/run.
 */

import { after, before, test } from "node:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CommandLine, OURS, ROOT } from "../helpers/command_line.ts";
import { freePort } from "../helpers/free_port.ts";

/** Those that make files for the others come first. */
const PAGES = [
  "docs/listeners.md",
  ...readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md") && name !== "listeners.md").map((name) =>
    `docs/${name}`
  ),
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
];

/** What is run: ours, and programs that read or write in the folder. Nothing else may touch the machine of a test. */
const RUN = new RegExp(
  [
    String.raw`^([A-Z_]+=('[^']*'|\S+) )*mobcast `,
    String.raw`^(printf|echo) '[^']*' (\| mobcast |> \w+\.json$)`,
    String.raw`^(for [^;]*; *do +|\(umask 077; )?openssl `,
  ].join("|"),
);

/** Commands that are not run, and why. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/\[[A-Z]/, "a summary of the arguments, not a command"],
  [/^mobcast completion SHELL/, "a summary of the arguments: cli_completion.test.ts runs it"],
  [/^mobcast check/, "it needs a client: the conformance kit has tests of its own"],
  [
    /^(npm|npx|bunx|deno|bun|node|exec|git|cd|cat|tail|kill|curl|nc|python3|go|cc|gcc|install|podman|docker|systemctl|apt-get|\S+\/)\b/,
    "it takes minutes, changes the machine, or needs a place of its own",
  ],
  [/\/etc\//, "it changes the machine"],
  [/--threads|--bus-local/, "it needs Linux, and Node 22 or another runtime: threads.test.ts runs it"],
];

/** In a block with one of these nothing is run, since an engine has to run first: bus_command.test.ts does it. */
const ENGINE = /--bus |^nats-server/m;

/** Blocks in other languages, and what tells that they are right. */
const LANGUAGES: Readonly<Record<string, string>> = {
  "": "bytes, diagrams and output: no program",
  text: "bytes, diagrams and output: no program",
  ts: "doc_examples.test.ts runs it",
  js: "deno test --doc runs it",
  python: "run below",
  html: "browser.test.ts opens a page that does the same",
  json: "for another program",
  yaml: "for another program",
  ini: "for another program",
  dockerfile: "for another program",
  go: "clients.test.ts runs clients in other languages",
  c: "clients.test.ts runs clients in other languages",
  sh: "run below, or NOT_RUN says why not",
  bash: "run below, or NOT_RUN says why not",
};

/** The blocks of code in a document. */
function blocksOf(path: string): { readonly language: string; readonly info: string; readonly code: string }[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return Array.from(text.matchAll(/^ *```(\w*) ?([^\n]*)\n([\s\S]*?)^ *```$/gm), ([, language, info, code]) => {
    return { language: language!, info: info!, code: code! };
  });
}

/** The commands of a block: lines that go on are one, and a loop is one. Comments are for readers. */
function commandsOf(code: string): string[] {
  const lines = code.replace(/\\\n\s*/g, " ").replace(
    /^(for .*\n)((?: .*\n)*)done$/gm,
    (loop) => loop.replaceAll("\n", ";"),
  )
    .replaceAll("do;", "do ");
  return lines.split("\n").map((line) => line.replace(/\s+#.*$/, "").trim()).filter((line) => line !== "");
}

/** The commands of a block that are run. */
function runnable(code: string): string[] {
  if (ENGINE.test(code)) return [];
  return commandsOf(code).filter((command) => RUN.test(command) && !NOT_RUN.some(([pattern]) => pattern.test(command)));
}

const SHELL = new Set(["sh", "bash"]);
let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "mobcast-commands-"));
  mkdirSync(join(folder, "bin"));
  const program = join(folder, "bin", "mobcast");
  writeFileSync(program, `#!/bin/sh\nexec node ${JSON.stringify(join(ROOT, "dist/bin/bin.js"))} "$@"\n`);
  chmodSync(program, 0o755);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A command as a process in the folder, in which `mobcast` is ours. */
function start(command: string): CommandLine {
  const env = `cd '${folder}' && PATH='${folder}/bin':$PATH`;
  // `exec` where the command is one program, so that signals reach it.
  const run = /^[A-Z_]+=|^mobcast /.test(command) ? `exec env ${command}` : command;
  return new CommandLine("node", [], ["bash", "-c", `${env}; ${run}`]);
}

/** The ports and paths of a block, in its commands, in place of those that are written there. */
class Places {
  readonly #ports: Map<string, number> = new Map();

  async of(command: string): Promise<string> {
    let text = command.replaceAll("0.0.0.0:", "127.0.0.1:").replaceAll(/\/tmp\/(\w+\.sock)/g, `${folder}/$1`);
    for (const [port] of text.matchAll(/\b[89]\d\d\d\b/g)) {
      if (!this.#ports.has(port)) this.#ports.set(port, await freePort());
    }
    text = text.replaceAll(/\b[89]\d\d\d\b/g, (port) => String(this.#ports.get(port)));
    const [, name] = /\bmobcast (\w+)/.exec(text) ?? [];
    const own = (port: string): number | undefined => this.#ports.get(port);
    // What is left out is the port that the default has.
    if (["stats", "top"].includes(name!) && !/:|\b\d{4,5}$/.test(text)) text += ` ${own("9100")}`;
    if (["pub", "bench", "join", "sub"].includes(name!) && !/(tcp|tls|unix|wss?):/.test(text)) {
      text += ` tcp://127.0.0.1:${own("8000")}`;
    }
    if (name === "serve" && !/(tcp|tls|unix|wss?):|--config/.test(text)) {
      text += ` tcp://127.0.0.1:${await this.#free("8000")}`;
    }
    return text;
  }

  async #free(port: string): Promise<number> {
    if (!this.#ports.has(port)) this.#ports.set(port, await freePort());
    return this.#ports.get(port)!;
  }
}

/** Whether a command opens listeners, and stays. */
function serves(command: string): boolean {
  return /(^| )mobcast (serve\b|tcp:|tls:|unix:)/.test(command);
}

/** Runs a block: one server at a time, and the clients behind it. */
async function runBlock(code: string): Promise<void> {
  const places = new Places();
  let server: CommandLine | undefined;
  const stop = async (): Promise<void> => {
    server?.signal("SIGTERM");
    if (server) assertEquals((await server.exit()).code, 0, server.stderr);
    server = undefined;
  };
  try {
    for (const written of runnable(code)) {
      const command = await places.of(written);
      if (serves(command)) {
        await stop();
        server = start(command);
        const listeners = /--config/.test(command) ? 2 : Math.max(1, command.match(/\b(tcp|tls|unix|wss?):/g)!.length);
        await server.match(new RegExp(`(^listening on .*\n){${listeners}}`, "m"));
      } else if (/ mobcast join|^mobcast join/.test(command)) {
        await using client = start(command);
        client.write("hello from the documents\n");
        await client.match(/hello from the documents/);
        client.signal("SIGINT");
        await client.exit();
      } else {
        // A table that goes on has to be told when to end.
        const ends = /\btop\b/.test(command) && !/--(count|for)/.test(command) ? `${command} --count 1` : command;
        await using client = start(ends);
        client.end();
        const { code, stdout, stderr } = await client.exit();
        assertEquals(code, 0, `${ends}\n${stdout}\n${stderr}`);
      }
    }
    await stop();
  } finally {
    await server?.[Symbol.asyncDispose]();
  }
}

const OPENSSL = spawnSync("openssl", ["version"], { encoding: "utf8" }).stdout ?? "";
const [skip] = [
  OURS !== "node" && "the commands are the same on each runtime: cli.test.ts runs them there",
  process.platform === "win32" && "there is no shell",
  !/^OpenSSL [3-9]/.test(OPENSSL) && "there is no OpenSSL 3",
].filter((why) => why !== false);

for (const page of PAGES) {
  const blocks = blocksOf(page);
  const shell = blocks.filter(({ language }) => SHELL.has(language));
  const runs = shell.filter(({ code }) => runnable(code).length > 0);
  if (blocks.length > 0) {
    test(`each block of code in ${page} is run by a test, or says why not`, () => {
      const scripts = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts;
      for (const { language, info, code } of blocks) {
        assert(Object.hasOwn(LANGUAGES, language), `${language}: ${code}`);
        if (info === "ignore") assertStringIncludes(code, "// Not run by the tests: ");
        else assertEquals(info, "");
        if (!SHELL.has(language)) continue;
        const left = commandsOf(code).filter((command) =>
          !ENGINE.test(code) && !RUN.test(command) && !NOT_RUN.some(([pattern]) => pattern.test(command))
        );
        assertEquals(left, [], "neither RUN nor NOT_RUN has it");
        for (const [, script] of code.matchAll(/\bnpm run (?:--silent |-s )?([\w:-]+)/g)) {
          assert(Object.hasOwn(scripts, script!), `npm run ${script}`);
        }
        for (const [path] of code.matchAll(/(?<![\w/.])(?:mod|core|browser|status|nats)\.ts\b/g)) {
          assert(existsSync(join(ROOT, path)), path);
        }
      }
    });
  }
  if (runs.length === 0) continue;
  test(`the commands of ${page} do what it says`, { skip: skip ?? false, timeout: 300_000 }, async () => {
    for (const { code } of runs) await runBlock(code);
  });
}

test("the client in Python is the same in the README and in docs/wire.md, and receives its own message", {
  skip: skip ?? (spawnSync("python3", ["--version"]).status === 0 ? false : "there is no Python"),
}, async () => {
  const [first, second] = ["README.md", "docs/wire.md"].map((page) =>
    blocksOf(page).find(({ language }) => language === "python")!.code
  );
  assertEquals(first, second);
  const port = await freePort();
  await using server = start(`mobcast serve tcp://127.0.0.1:${port}`);
  await server.match(/^listening on/m);
  writeFileSync(join(folder, "client.py"), first!.replace("8000", String(port)));
  await using client = start("exec python3 -u client.py");
  await client.match(/^b'hello'$/m);
});
