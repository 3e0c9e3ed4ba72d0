/**
 * What Deno frees while there are connections over TLS: used again, or taken from the system anew, page by page. In a process
 * of its own, since what other tests have taken and freed before decides as well.
 */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { assert, assertLess } from "@std/assert";
import { evaluating, OURS, ROOT } from "../helpers/command_line.ts";

/** As much as a tick to hundreds of clients takes. */
const BLOCK = 24 * 2 ** 20;
const PAGE = 4096;

/** Prints how many pages of memory it had to get from the system for a block, after it had taken and freed one before. */
const PROGRAM = `
  import { readFileSync } from "node:fs";
  import { connect, serve } from "${new URL("../../mod.ts", import.meta.url)}";
  import { makeAuthority } from "${new URL("../helpers/certificates.ts", import.meta.url)}";
  const faults = () => Number(readFileSync("/proc/self/stat", "utf8").split(") ").at(-1).split(" ")[7]);
  function takeAndFree() {
    const block = new ArrayBuffer(${BLOCK});
    new Uint8Array(block).fill(1);
    block.transfer(0);
  }
  const authority = await makeAuthority("an authority");
  const mob = await serve({ listen: "tls://127.0.0.1:0", tls: await authority.issue() });
  const client = await connect(mob.urls[0], { tls: { ca: authority.cert } });
  // The first time the heap may have to grow; the allocator learns from it, so a third time would show nothing.
  takeAndFree();
  const before = faults();
  takeAndFree();
  console.log(faults() - before);
  await client.close({ timeout: 0 });
  await mob.close({ drain: 0 });
`;

test(
  "deno: what is freed while there is a connection over TLS is used again",
  { skip: OURS !== "deno" || process.platform !== "linux" },
  () => {
    const options = { cwd: ROOT, encoding: "utf8", timeout: 30_000 } as const;
    const { stdout, stderr } = spawnSync(process.execPath, evaluating(PROGRAM), options);
    assert(/^\d+\n$/.test(stdout), stderr);
    assertLess(Number(stdout), BLOCK / PAGE / 10, "pages that were taken anew");
  },
);
