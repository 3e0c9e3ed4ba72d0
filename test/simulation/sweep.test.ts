/** The sweep: one small scenario, and in it every call fails once, in every way, then that one and all after it. */

import { test } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { CHOICES } from "../../src/server/options.ts";
import { ACCEPT_ERRORS } from "./actions.ts";
import { Generator, type Recording } from "./choices.ts";
import { replay } from "./run_seed.ts";
import { PLAIN_SHAPES, type Sweep } from "./settings.ts";
import type { Step, StepName } from "./steps.ts";

function step(name: StepName, who = 0, size = 0, how = 0, cuts?: number[]): Step {
  return { do: name, who, size, how, ...(cuts !== undefined && { cuts }) };
}

/** The traces are the same on all engines: every call fails on Deno, which is fastest, and some of them on the others. */
const STEP = "Deno" in globalThis ? 1 : 7;

/** Four clients join, send, fall behind and leave, with frames in parts both ways. */
const SCENARIO: readonly Step[] = [
  ...[0, 1, 0, 0].map((how, who) => step("connect", who, 0, how)),
  step("flow"),
  step("say", 0, 30, 2, [25]),
  step("say", 2, 10, 1),
  step("flow", 0, 0, 0, [3, 40, 0, 7]),
  step("push", 0, 9),
  step("read", 1, 20),
  step("flow"),
  step("ping", 3),
  step("say", 3, 60, 1),
  step("push", 0, 1000),
  step("flow", 0, 0, 0, [0, 0, 5, 5, 5]),
  step("finish", 2),
  step("flow"),
  step("connect"),
  step("say", 1, 40, 1),
  step("flow", 0, 0, 0, [1, 1]),
  step("read", 1, 1000),
  step("advance", 0, 20),
];

function scenario(slowConsumer: (typeof CHOICES.slowConsumer)[number], sweep?: Sweep): Recording {
  const settings = new Generator(1).settings;
  return {
    seed: 0,
    settings: {
      ...settings,
      options: { slowConsumer, maxFrame: 100, maxLag: 300, maxConnections: 8, stallTimeout: 1000 },
      listeners: [],
      capacity: 200,
      strictEdges: true,
      shapes: PLAIN_SHAPES,
      timerSlack: 0,
      ...(sweep !== undefined && { sweep }),
    },
    steps: SCENARIO,
  };
}

for (const slowConsumer of CHOICES.slowConsumer) {
  test(`every call fails once, and forever, under ${slowConsumer}`, { timeout: 60_000 }, async () => {
    const { calls, violation } = await replay(scenario(slowConsumer));
    assertEquals(violation, undefined);
    assertGreater(calls, 40);
    for (const how of ["reset", "throw", "full"] as const) {
      for (const persistent of [false, true]) {
        for (let call = 1; call <= calls; call += STEP) {
          const sweep = { call, how, persistent };
          const outcome = await replay(scenario(slowConsumer, sweep));
          assertEquals(outcome.violation, undefined, JSON.stringify(sweep));
        }
      }
    }
  });
}

test("every accept fails once, with every error", { timeout: 60_000 }, async () => {
  for (let how = 0; how < ACCEPT_ERRORS.length; how++) {
    for (let before = 0; before < 5; before++) {
      const steps = [...SCENARIO.slice(0, before), step("starve", 0, 1, how), ...SCENARIO.slice(before)];
      const { violation, tries } = await replay({ ...scenario("disconnect"), steps });
      assertEquals(violation, undefined, `${ACCEPT_ERRORS[how]} at accept ${before + 1}`);
      assert(tries > 5);
    }
  }
});
