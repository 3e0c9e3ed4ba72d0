/**
 * The command `check`: proves that a client in any language speaks the wire.
 *
 * @module
 */

import type { FramingName } from "../framing/framing.ts";
import { type Ability, type Case, casesOf } from "./check_cases.ts";
import { play } from "./check_play.ts";
import { attempt, oneLine, type Session } from "./session.ts";

/** The options of `check`. */
export interface CheckFlags {
  /** The framings that the client speaks. */
  readonly framing: readonly FramingName[];
  /** What else it can do. */
  readonly hex: boolean;
  readonly secret: boolean;
  readonly resume: boolean;
  /** Only cases whose name has this in it. */
  readonly only?: string;
  /** How long the client may do nothing that is due, in milliseconds. */
  readonly patience: number;
  /** Whether the cases are printed, and not played. */
  readonly vectors: boolean;
}

/** Plays all cases with a client, prints a line for each, and resolves to 1 when one has failed. */
export async function runCheck(session: Session, command: readonly string[], flags: CheckFlags): Promise<number> {
  const { terminal, stop } = session;
  const { framing: framings, vectors, hex, patience } = flags;
  if (vectors) {
    await terminal.stdout.write(`${vectorsText(framings)}\n`);
    return 0;
  }
  const adapter = await attempt(terminal.adapter());
  const failed: string[] = [];
  let passed = 0;
  const skipped = new Map<Ability, number>();
  for (const framing of framings) {
    for (const each of casesOf(framing)) {
      const { name, about, needs } = each;
      if (flags.only !== undefined && !name.includes(flags.only)) continue;
      if (needs !== undefined && !flags[needs]) {
        skipped.set(needs, (skipped.get(needs) ?? 0) + 1);
        continue;
      }
      const wrong = await play(terminal, adapter, each, { command, framing, hex, patience, stop });
      if (stop.aborted) return 1;
      if (wrong === undefined) {
        passed++;
        await terminal.stdout.write(`ok    ${framing} ${name}: ${about}\n`);
      } else {
        failed.push(name);
        await terminal.stdout.write(`FAIL  ${framing} ${name}: ${about}\n      the client ${oneLine(wrong)}\n`);
      }
    }
  }
  const left = Array.from(skipped, ([needs, count]) => `--${needs} ${count}`).join(", ");
  await terminal.stdout.write(
    `${passed} of ${passed + failed.length} cases passed${
      left === "" ? "" : `; cases that were not asked for: ${left}`
    }\n`,
  );
  return failed.length === 0 && passed > 0 ? 0 : 1;
}

/** The cases of framings as JSON, one step a line. */
function vectorsText(framings: readonly FramingName[]): string {
  const textOf = (each: Case): string => {
    const { connections, ...rest } = each;
    const lists = connections.map((steps) =>
      `      [\n${steps.map((step) => `        ${JSON.stringify(step)}`).join(",\n")}\n      ]`
    );
    const fields = Object.entries(rest).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    return `  {\n${fields.join(",\n")},\n    "connections": [\n${lists.join(",\n")}\n    ]\n  }`;
  };
  return `[\n${
    framings.flatMap((framing) => casesOf(framing).map((each) => textOf({ ...{ framing }, ...each }))).join(",\n")
  }\n]`;
}
