/** Every mutant has its place, and a test that exists: a rename breaks none of them silently. */

import { test } from "node:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ROOT } from "../helpers/command_line.ts";
import { HOLES } from "./holes.ts";
import { plant } from "./mutant.ts";
import { sampleOf, SETS, trustedOf } from "./sets.ts";

for (const [name, mutants] of Object.entries(SETS)) {
  test(`every mutant of the set ${name} can be planted, once each`, () => {
    for (const mutant of mutants) plant(mutant);
    assertEquals(new Set(mutants.map(({ why }) => why)).size, mutants.length, "descriptions");
    assert(mutants.length > 0);
    assert(name === "core" || mutants.some(({ sample }) => sample), "none is tried each time");
    for (const { proof } of mutants) {
      if (proof === undefined) continue;
      assert(existsSync(join(ROOT, proof.tests)), proof.tests);
      // Titles are partly made of variables, so words are all that can be looked for.
      const text = readFileSync(join(ROOT, proof.tests), "utf8");
      if (proof.tests.includes("conformance") || proof.tests.includes("scenarios")) continue;
      const words = (proof.named ?? "").match(/\w+/g) ?? [];
      const runtimes: readonly string[] = proof.on;
      assertEquals(
        words.filter((word) => !text.includes(word) && !runtimes.includes(word)),
        [],
        `${proof.tests}: ${proof.named}`,
      );
    }
  });
}

test("two rounds try all samples, and each of them the whole core and some of each set", () => {
  const rounds = [sampleOf(20_000), sampleOf(20_001)];
  const wanted = Object.entries(SETS).flatMap(([name, set]) => set.filter(({ sample }) => sample || name === "core"));
  assertEquals(new Set(rounds.flat()), new Set(wanted));
  for (const round of rounds) {
    for (const set of Object.values(SETS)) assert(set.some((mutant) => round.includes(mutant)));
    assert(round.length < wanted.length);
  }
});

test("of two rounds, each proof is run without a bug in one", () => {
  const [even, odd] = [trustedOf(20_000), trustedOf(20_001)];
  for (const { proof } of Object.values(SETS).flat()) if (proof) assertEquals(even(proof), !odd(proof), proof.tests);
});

test("every hole that the tests once had is a mutant", () => {
  const held = new Set(Object.values(SETS).flat().map(({ hole }) => String(hole)));
  assertEquals(Object.keys(HOLES).filter((hole) => !held.has(hole)), []);
});

test("a mutant whose place is gone, or there twice, is reported", () => {
  const mutant = {
    file: "src/server/rate_limit.ts",
    in: "spend",
    from: "credit.frames -= frames;",
    to: "",
    why: "a test",
  };
  assert(!plant(mutant).includes(mutant.from));
  for (const change of [{ in: "pull" }, { from: "no such text" }, { from: "credit" }, { in: "allows" }]) {
    assertThrows(() => plant({ ...mutant, ...change }), Error, 'Cannot plant "a test"');
  }
});
