/**
 * Mutants of the core: the slab, the poll, clocks and deadlines.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of the reactor. */
export const CORE_REACTOR: readonly Group[] = [
  {
    file: "src/reactor/slab.ts",
    bugs: [
      {
        in: "get",
        from: "return this.#tokens[index] === token ? this.#values[index] : undefined;",
        to: "return this.#values[index];",
        why: "an event is for any connection in the slot",
      },
      {
        in: "insert",
        from: "const generation = (this.#generations[index] ?? 0) + 1;",
        to: "const generation = 1;",
        why: "a slot's generation stays as it was",
      },
      {
        in: "remove",
        from: "this.#tokens[index] = NaN;",
        to: "",
        why: "a removed value is not vacated",
      },
      {
        in: "remove",
        from: "else this.#free.push(index);",
        to: "",
        why: "a vacated slot is not free again",
        proof: unit("slab"),
      },
    ],
  },
  {
    file: "src/reactor/poll.ts",
    bugs: [
      {
        in: "ready",
        from: "(this.#collecting.get(token) ?? 0) | readiness",
        to: "readiness",
        why: "the later event of a token replaces the earlier",
      },
      {
        in: "#deliver",
        from: "    this.#armed = false;\n",
        to: "",
        why: "a tick is armed once and never again",
      },
      {
        in: "#deliver",
        from: "events.clear();",
        to: "",
        why: "a batch is handled twice",
      },
    ],
  },
  {
    file: "src/reactor/awake_clock.ts",
    bugs: [
      {
        in: "now",
        from: "Math.min(this.#counts, this.#clock.now() - this.#began)",
        to: "(this.#clock.now() - this.#began)",
        why: "a stop of the process counts as a whole",
      },
      {
        in: "#end",
        from: "if (late > LATE && this.#rests < MOST_RESTS) {",
        to: "if (late < 0) {",
        why: "after a stop of the process there is no rest",
      },
    ],
  },
  {
    file: "src/reactor/awake_clock.ts",
    proof: unit("awake_clock"),
    bugs: [
      {
        in: "now",
        from: "Math.min(this.#counts, this.#clock.now() - this.#began)",
        to: "(this.#clock.now() - this.#began)",
        why: "time in which the process was stopped counts",
        sample: true,
      },
      {
        in: "#end",
        from: "if (this.#first - this.#time < rest) {",
        to: "if (false) {",
        why: "a late process judges before it looks",
      },
      {
        in: "#end",
        from: " && this.#rests < MOST_RESTS",
        to: "",
        why: "a process that is always late has no deadlines",
      },
    ],
  },
  {
    file: "src/reactor/deadlines.ts",
    bugs: [
      {
        in: "set",
        from: "    this.#due.delete(token);\n    this.#due.set",
        to: "    this.#due.set",
        why: "a deadline that is set again keeps its place",
      },
      {
        in: "#arm",
        from: "      this.#armNext(this.#firedAt);\n",
        to: "",
        why: "after the first deadline no timer is set",
      },
      {
        in: "expired",
        from: "if (due > now) break;",
        to: "if (due > now + 5) break;",
        why: "deadlines pass too early",
      },
      {
        in: "expired",
        from: "const now = this.#firedAt;",
        to: "const now = this.#clock.now();",
        why: "a stop between a timer and its tick counts",
        proof: { on: ["node"], tests: "test/simulation/simulation.test.ts", named: "recordings of what once failed" },
      },
    ],
  },
  {
    file: "src/call_hook.ts",
    bugs: [
      {
        in: "callHook",
        from: "  } catch (error) {\n    failed(error);",
        to: "  } catch (error) {\n    throw error;",
        why: "a hook that throws ends the tick",
      },
    ],
  },
];
