/**
 * What tests of the command line on a fake terminal have in common.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { runProgram } from "../../src/cli/program.ts";
import { FakeTerminal } from "./fake_terminal.ts";

/** For tests that start a server or a load. */
export const LIMITED = { timeout: 60_000 };

/** What a command would be run with. */
export async function understood(...args: string[]): Promise<unknown[]> {
  let run: unknown[] = [];
  const note = (name: string) => (...given: unknown[]): Promise<number> => {
    run = [name, ...given];
    return Promise.resolve(7);
  };
  assertEquals(
    await runProgram(new FakeTerminal(...args), {
      serve: note("serve"),
      join: note("join"),
      sub: note("sub"),
      pub: note("pub"),
      bench: note("bench"),
      check: note("check"),
      stats: note("stats"),
      top: note("top"),
    }),
    7,
  );
  return run;
}
