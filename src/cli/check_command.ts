/**
 * The command `check`: its arguments, options and help.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { LONGEST_TIMER } from "../check.ts";
import type { FramingName } from "../framing/framing.ts";
import { FRAMING_NAMES } from "../framing/options.ts";
import type { CheckFlags } from "./check.ts";
import { rangeOption } from "./flags.ts";
import { exampleOf, HELP } from "./help.ts";

const NOTE = `

The client gets the URL of a server as its last argument, sends each line of its
input as a message and prints each message as a line. With --hex the lines are
hexadecimal digits. It sends MOBCAST_SECRET first. See docs/clients.md.`;

/** What the command does with its parsed arguments. Resolves to the exit code. */
export interface CheckActions {
  /** `mobcast check CLIENT [ARGUMENT...]` */
  check(client: readonly string[], flags: CheckFlags): Promise<number>;
}

/** Adds the command to the program. `finish` takes the exit code. */
export function addCheckCommand(program: Command, actions: CheckActions, finish: (code: number) => void): void {
  const styleTitle = (title: string): string => title === "Options:" ? "Options (defaults in brackets):" : title;
  program.command("check")
    .configureHelp({ ...HELP, styleTitle })
    .summary("prove that a client in any language is right")
    .description("run a client again and again, and prove that it speaks the wire")
    .usage("[options] [--] CLIENT [ARGUMENT...]")
    .argument("[CLIENT...]", "the client: a program and its arguments")
    .addOption(
      new Option("--framing <word,...>", "how it delimits frames: u64, u32, line")
        .argParser(parseFramings).default(["u64"], "u64"),
    )
    .option("--hex", "its lines are hexadecimal digits: any bytes are tried", false)
    .option("--secret", "it knows secrets", false)
    .option("--resume", "it resumes its stream after a lost connection", false)
    .option("--only <part>", "only cases with this in their name")
    .addOption(
      rangeOption("--patience", "duration", "how long it may do nothing", { min: 1, max: LONGEST_TIMER })
        .default(10_000, "10s"),
    )
    .option("--vectors", "print the cases as JSON, and run nothing", false)
    .addHelpText("after", exampleOf("mobcast check --secret python3 client.py", NOTE))
    .action(async (client: string[], flags: CheckFlags, command: Command) => {
      if (client.length === 0 && !flags.vectors) command.error("there is no CLIENT: mobcast check python3 client.py");
      finish(await actions.check(client, flags));
    });
}

function parseFramings(text: string): FramingName[] {
  const names = text.split(",") as FramingName[];
  if (names.every((name) => FRAMING_NAMES.includes(name))) return names;
  throw new InvalidArgumentError(`It is one or more of ${FRAMING_NAMES.join(", ")}, with commas between them.`);
}
