/** What test/run.mjs makes of what its processes write: what failed is shown at the end, and a table that is not true is told. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { batchesOf, endOf, failedIn, SHOWN_AGAIN, slowOf, type TimedRun, workOf } from "../helpers/run_report.mjs";

const FILES = ["unit/one.test.ts", "unit/two.test.ts", "unit/three.test.ts"];

/** How each runtime writes that the second of three files failed. */
const OUTPUTS = {
  node: "✔ a (1ms)\n✖ b (1ms)\n✔ c (1ms)\n\n✖ failing tests:\n\ntest at test/unit/two.test.ts:3:1\n✖ b (1ms)\n  why",
  deno:
    "a ... ok (1ms)\nb ... FAILED (1ms)\n\n ERRORS \n\nb => ./test/unit/two.test.ts:3:6\nerror: why\n\n FAILURES \n",
  bun:
    "test/unit/one.test.ts:\n(pass) a\n\ntest/unit/two.test.ts:\nwhy\n(fail) b\n\ntest/unit/three.test.ts:\n(pass) c\n",
};

for (const [runtime, output] of Object.entries(OUTPUTS)) {
  test(`the end of a run shows why a file failed, as ${runtime} writes it`, () => {
    assertEquals(failedIn(output, FILES), ["unit/two.test.ts"]);
    assertMatch(endOf(output, FILES), /why/);
    // However much the others write.
    const noise = "(pass) noise\n".repeat(1000);
    const loud = runtime === "bun" ? `${output}${noise}` : `${noise}${output}`;
    assertMatch(endOf(loud, FILES), /why/);
    assert(endOf(loud, FILES).split("\n").length <= SHOWN_AGAIN + 1);
  });
}

test("of what failed, no more than its last lines are shown again, and how many there were", () => {
  const lines = Array.from({ length: SHOWN_AGAIN + 5 }, (_, index) => `line ${index}`);
  assertEquals(
    endOf(`${lines.join("\n")}\n\n`, ["unit/one.test.ts"]),
    ["(5 lines before)", ...lines.slice(5)].join("\n"),
  );
  assertEquals(endOf("killed\n", FILES), "killed");
});

test("a file that took far longer than the table says is told, whether the machine is busy or not", () => {
  const run = (said: number, seconds: number): TimedRun => ({ files: `${said}`, said, seconds });
  for (const busy of [1, 6]) {
    const right = [40, 20, 10, 5, 5].map((said) => run(said, busy * said));
    assertEquals(slowOf(right), []);
    const wrong = run(3.5, busy * 115);
    assertEquals(slowOf([...right, wrong]), [wrong]);
    // A few seconds more are not worth a line, however short the file is.
    assertEquals(slowOf([...right, run(0.5, busy * 0.5 + 9)]), []);
  }
  assertEquals(slowOf([]), []);
});

test("long files have a process each and come first, short ones share", () => {
  const seconds: Record<string, number> = { long: 9, middle: 4 };
  assertEquals(batchesOf(["a", "middle", "b", "long"], (file: string) => seconds[file] ?? 0.5, 5), [
    ["long"],
    ["middle", "a", "b"],
  ]);
});

test("what `times` of a shell writes is minutes and seconds", () => {
  assertEquals(workOf("0m0.50s 0m0.25s\n1m2.000s 0m1.000000s\n"), 63.75);
  assertEquals(workOf(""), 0);
});
