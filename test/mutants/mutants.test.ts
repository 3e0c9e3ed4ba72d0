/** Every mutant has its place, and a test that exists: a rename breaks none of them silently. */

import { test } from "node:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ROOT } from "../helpers/command_line.ts";
import { plant } from "./mutant.ts";
import { SETS } from "./sets.ts";

for (const [name, mutants] of Object.entries(SETS)) {
  test(`every mutant of the set ${name} can be planted, once each`, () => {
    for (const mutant of mutants) plant(mutant);
    assertEquals(new Set(mutants.map(({ why }) => why)).size, mutants.length, "descriptions");
    assert(mutants.length > 0);
    assert(name === "core" || mutants.some(({ sample }) => sample), "none is tried each time");
    for (const { proof } of mutants) {
      if (proof !== undefined) assert(existsSync(join(ROOT, proof.tests)), proof.tests);
    }
  });
}

test("a mutant whose place is gone, or there twice, is reported", () => {
  const mutant = {
    file: "adapters/shared/inbox.ts",
    in: "push",
    from: "this.#bytes += chunk.length;",
    to: "",
    why: "a test",
  };
  assert(!plant(mutant).includes(mutant.from));
  for (const change of [{ in: "pull" }, { from: "no such text" }, { from: "chunk" }, { in: "shift" }]) {
    assertThrows(() => plant({ ...mutant, ...change }), Error, 'Cannot plant "a test"');
  }
});
