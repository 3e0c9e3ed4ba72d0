/** What Deno frees while there are connections over TLS: used again, or taken from the system anew, page by page. */

import { test } from "node:test";
import { readFileSync } from "node:fs";
import process from "node:process";
import { assertLess } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { OURS } from "../helpers/command_line.ts";

/** As much as a tick to hundreds of clients takes. */
const BLOCK = 24 * 2 ** 20;
const PAGE = 4096;

/** How often this process had to get a page of memory from the system. */
function faults(): number {
  return Number(readFileSync("/proc/self/stat", "utf8").split(") ").at(-1)!.split(" ")[7]);
}

/** Takes a block, writes into it, and frees it. */
function takeAndFree(): void {
  const block = new ArrayBuffer(BLOCK) as ArrayBuffer & { transfer(length: number): ArrayBuffer };
  new Uint8Array(block).fill(1);
  block.transfer(0);
}

test(
  "deno: what is freed while there is a connection over TLS is used again",
  { skip: OURS !== "deno" || process.platform !== "linux" },
  async () => {
    const authority = await makeAuthority("an authority");
    await using mob = await serve({ listen: "tls://127.0.0.1:0", tls: await authority.issue() });
    const client = await connect(mob.urls[0]!, { tls: { ca: authority.cert } });
    // The first time the heap may have to grow; the allocator learns from it, so a third time would show nothing.
    takeAndFree();
    const before = faults();
    takeAndFree();
    const taken = faults() - before;
    await client.close({ timeout: 0 });
    assertLess(taken, BLOCK / PAGE / 10, "pages that were taken anew");
  },
);
