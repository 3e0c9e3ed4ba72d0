/** What a start of `mobcast serve URL` loads before anything asks for it: each module of a runtime costs milliseconds. */

import { test } from "node:test";
import { readFileSync } from "node:fs";
import { isIPv4 as isIPv4OfNode } from "node:net";
import { dirname, join, normalize } from "node:path";
import { assertEquals } from "@std/assert";
import { isIPv4 } from "../../adapters/shared/listen_at.ts";
import { ROOT } from "../helpers/command_line.ts";

/** The imports of a file that are no types and no promises. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = text.matchAll(/^(?:import|export) (?!type )(?:[^;"]*? from )?"([^"]+)";/gm);
  return Array.from(found, ([, name]) => name!.startsWith(".") ? normalize(join(dirname(file), name!)) : name!);
}

/** All that is loaded with these files, by kind: files of ours, and names of other modules. */
function loadedWith(...files: readonly string[]): { ours: Set<string>; others: string[] } {
  const ours = new Set<string>();
  const others = new Set<string>();
  const queue = [...files];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (ours.has(file)) continue;
    ours.add(file);
    for (const name of importsOf(file)) name.endsWith(".ts") ? queue.push(name) : others.add(name);
  }
  return { ours, others: [...others].sort() };
}

const PROGRAM = ["mod.ts", "adapters/process/bin.ts", "src/cli/serve.ts"];

test("a start loads of its runtime only what is quick: on Deno node:process takes 20 ms and node:fs 15, on Bun node:net 6, LogTape 11 and 7", () => {
  assertEquals(loadedWith(...PROGRAM, "adapters/deno.ts").others, ["node:timers"]);
  const onBun = loadedWith(...PROGRAM, "adapters/bun.ts", "adapters/shared/bun_port.ts").others;
  assertEquals(onBun, ["node:fs", "node:process", "node:timers"]);
});

test("a start loads no code of commands, TLS, HTTP, WebSocket frames, a bus's engines or status pages", () => {
  const { ours } = loadedWith(...PROGRAM, "adapters/deno.ts", "adapters/bun.ts", "adapters/node.ts");
  const late =
    /^(adapters\/(tls|http|nats)|src\/load)\/|src\/cli\/(program|bench|join|top)|_channel|page_file|metrics|frames\.ts/;
  assertEquals([...ours].filter((file) => late.test(file)), []);
});

test("an IPv4 address is what node:net says it is", () => {
  const hosts = [
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4.",
    "",
  ];
  hosts.push("::1", "localhost", "1..2.3", "99.199.249.250", "1.2.3.1000", "a.b.c.d", " 1.2.3.4", "1.2.3.4\n");
  for (const host of hosts) assertEquals(isIPv4(host), isIPv4OfNode(host), host);
});
