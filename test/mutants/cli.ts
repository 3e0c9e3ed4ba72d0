/**
 * Mutants of the command line.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of the command line. */
export const CLI: readonly Group[] = [
  {
    file: "src/cli/main.ts",
    proof: { on: ["node"], tests: "test/unit/cli.test.ts" },
    bugs: [
      {
        in: "main",
        from: "    if (stopping.signal.aborted) return end(1);\n",
        to: "",
        why: "a second signal does nothing",
        sample: true,
      },
      {
        in: "main",
        from: "    for (const stop of undo) stop();\n",
        to: "",
        why: "signals are handled after the end",
      },
      {
        in: "report",
        from: "debug ? (stack ?? message)",
        to: "!debug ? (stack ?? message)",
        why: "an internal error shows its stack",
      },
    ],
  },
  {
    file: "src/cli/sanitize.ts",
    proof: { on: ["node"], tests: "test/unit/cli.test.ts", named: "sanitize" },
    bugs: [
      {
        in: "UNSAFE",
        from: "\\x7f-\\x9f",
        to: "\\x7f",
        why: "C1 controls act on a terminal",
      },
    ],
  },
  {
    file: "src/cli/join.ts",
    proof: { on: ["node"], tests: "test/unit/cli.test.ts", named: "join" },
    bugs: [
      {
        in: "receive",
        from: "      await stdout.write(stdout.isTerminal ?",
        to: "      void stdout.write(stdout.isTerminal ?",
        why: "join: an output that is slow is not waited for",
      },
      {
        in: "sendLines",
        from: "  if (input.isTerminal) leave();\n",
        to: "",
        why: "join: a person cannot leave",
      },
    ],
  },
  {
    file: "src/cli/send.ts",
    proof: { on: ["node"], tests: "test/unit/cli.test.ts", named: "send" },
    bugs: [
      {
        in: "#receive",
        from: "this.#sentAll && this.#echoes.isComplete",
        to: "this.#echoes.isComplete",
        why: "send: it ends before all lines were read",
      },
    ],
  },
  {
    file: "src/cli/lines.ts",
    proof: { on: ["node"], tests: "test/unit/cli.test.ts" },
    bugs: [
      {
        in: "splitLines",
        from: "if (held > limit) throw",
        to: "if (part.length > limit) throw",
        why: "a line that comes in parts has no limit",
      },
    ],
  },
  {
    file: "src/cli/credentials.ts",
    proof: { on: ["node"], tests: "test/unit/cli_listeners.test.ts", named: "credentials" },
    bugs: [
      {
        in: "OWNER_ONLY",
        from: "0o077",
        to: "0o007",
        why: "a key that the group may use is not warned of",
      },
    ],
  },
];
