/**
 * Programs that bundle mobcast, from the package and from the sources: they run as written, never mobcast's command
 * line, and hold nothing of it. On more versions of Node: `NODES=/path/to/node22,/path/to/node24 node test/run.mjs node bundles`.
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ROOT } from "../helpers/command_line.ts";

const LIMITED = { timeout: 60_000 };

/** A program of an application, with arguments of its own that mobcast's command line does not know. */
const PROGRAMS = {
  app: `
    import { connect, serve } from "mobcast";
    async function main() {
      const mob = await serve({ listen: "tcp://127.0.0.1:0" });
      const client = await connect(mob.urls[0]);
      await client.send(new TextEncoder().encode("hello"));
      for await (const message of client) {
        console.log("received", new TextDecoder().decode(message), ...process.argv.slice(2));
        break;
      }
      await client.close();
      await mob.close();
    }
    main();
  `,
  serve: `import { serve } from "mobcast"; serve().then((mob) => console.log(mob.urls));`,
  encode: `import { encodeFrame } from "mobcast"; console.log(encodeFrame("u64", new Uint8Array([1])).length);`,
};

/** Bundles are the same wherever they are made: on Bun and Deno only the program is made that runs there. */
const PROGRAM_NAMES = "Deno" in globalThis || "Bun" in globalThis ? ["app"] : Object.keys(PROGRAMS);

/**
 * The most bytes that a server loads at its start. TLS, Unix sockets, WebSocket, handshakes and the bus are loaded when they are
 * needed; what a mob itself does on a bus, and for history and streams that resume, is not.
 */
const AT_THE_START = 96_000;

/** The most bytes of a server in one file, with all that a bundler that does not split puts into it: 40,000 are the page. */
const IN_ONE_FILE = 209_000;

/** The most bytes that a server with a client of its own loads at its start. */
const WITH_CLIENT = 100_000;

/** What only the command line has: its libraries and its flags. */
const COMMAND_LINE = /commander|HdrHistogram|cli-progress|max-buffer-size|--max-lag|Ctrl-D/;

let folder: string;
let sizes: Readonly<Record<string, number>>;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "mobcast-bundles-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/mobcast"), "junction");
  // Without package.json, as JSR has them; what the sources import is there, and would be bundled if it were followed.
  for (const part of ["mod.ts", "src", "adapters"]) {
    cpSync(join(ROOT, part), join(folder, "jsr", part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "jsr/node_modules"), "junction");
  for (const [name, text] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, `${name}.js`), text);
    writeFileSync(join(folder, `${name}.jsr.js`), text.replace(`"mobcast"`, `"./jsr/mod.ts"`));
  }
  const { stdout, stderr, status } = spawnSync(
    "node",
    [join(ROOT, "test/helpers/bundle.mjs"), folder, ...PROGRAM_NAMES],
    { encoding: "utf8" },
  );
  assertEquals(status, 0, stderr);
  sizes = JSON.parse(stdout) as Record<string, number>;
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** What runs a file: the runtime at hand, and other versions of Node where `NODES` names them. */
const RUNNERS: readonly (readonly string[])[] = [
  "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-lock"] : [process.execPath],
  ...(process.env.NODES ?? "").split(",").filter((path) => path !== "").map((path) => [path]),
];

test("a bundled program runs as written, and only that, from the package and from the sources", LIMITED, () => {
  const files = Object.keys(sizes).filter((file) => file.startsWith("app-") && !file.endsWith("-split"));
  assertEquals(files.length, 12);
  for (const [command, ...options] of RUNNERS) {
    for (const file of files) {
      const { stdout, stderr, status } = spawnSync(
        command!,
        [...options, join(folder, "out", file), "--port", "3000"],
        { encoding: "utf8", timeout: 20_000 },
      );
      assertEquals([stdout, stderr, status], ["received hello --port 3000\n", "", 0], `${command} ${file}`);
    }
  }
});

test("no bundle holds anything of the command line", () => {
  for (const file of readdirSync(join(folder, "out"))) {
    const found = COMMAND_LINE.exec(readFileSync(join(folder, "out", file), "utf8"));
    assertEquals(found?.[0], undefined, `${file} holds ${found?.[0]}`);
  }
});

test("a program with serve loads under 96,000 bytes minified, encodeFrame alone takes under 15,000", {
  skip: PROGRAM_NAMES.includes("serve") ? false : "the same on all: on Node",
}, () => {
  const minified = Object.entries(sizes).filter(([file]) =>
    /^(serve|encode)-/.test(file) && !file.includes("-rollup.")
  );
  console.log(JSON.stringify(Object.fromEntries(minified.filter(([file]) => file.startsWith("serve-")))));
  for (const [file, size] of minified) {
    // A split bundle shares files with what is loaded later, though this program never loads it.
    const most = file.startsWith("encode-")
      ? file.endsWith("-split") ? 25_000 : 15_000
      : !file.endsWith("-split")
      ? IN_ONE_FILE
      : file.startsWith("app-")
      ? WITH_CLIENT
      : AT_THE_START;
    assert(size > 1000 && size < most, `${file} has ${size} bytes, and ${most} are the most`);
  }
});
