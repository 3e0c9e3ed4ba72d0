/**
 * The man page, made from the commands and options that `--help` shows. `npm run man` writes it, and a test says whether it is
 * up to date.
 *
 * @module
 */

import type { Command, Option } from "commander";
import type { Actions } from "../src/cli/program.ts";
import { programOf } from "../src/cli/program.ts";
import { variableOf } from "../src/cli/settings.ts";
import type { Output, Terminal } from "../src/cli/terminal.ts";
import { VERSION } from "../src/version.ts";

/** What the command does with signals: the README has the same table. */
const SIGNALS: readonly (readonly [names: string, meaning: string])[] = [
  ["SIGINT, SIGTERM", "end gracefully, with 0; another, 150 ms later or more, ends at once, with 1"],
  ["SIGUSR2", "a server: log each connection and its lag, and the bus; not on Windows"],
  ["SIGHUP", "a server: read the certificates again, nothing else; on Windows, end gracefully"],
];

const EXITS: readonly (readonly [code: string, meaning: string])[] = [
  ["0", "done"],
  [
    "1",
    "failed; also when output cannot be written (unless its reader has gone), and when the server refuses or ends the " +
    "connection of a join, sub or pub",
  ],
  ["2", "wrong usage; also when the packages for --bus are not installed"],
];

/** The whole page, as roff. */
export function manPage(): string {
  const program = commands();
  return [
    '.\\" Made by "npm run man" from the options of the command: edit those.',
    `.TH MOBCAST 1 "" "mobcast ${VERSION}" "User Commands"`,
    ".nh",
    ".ad l",
    ".SH NAME",
    `mobcast \\- ${text(program.description().replace(/\.$/, "").replace(/^A /, "a "))}`,
    ".SH SYNOPSIS",
    ...program.commands.flatMap((command, index) => [...(index > 0 ? [".br"] : []), synopsis(command)]),
    ".SH DESCRIPTION",
    text(
      "Clients connect to a listener of a server, and each message that one sends goes to all of them, in one order, the " +
        "sender too. Without a command a server is started. Defaults stand in parentheses.",
    ),
    ".SH COMMANDS",
    ...program.commands.flatMap(section),
    ".SH OPTIONS WITHOUT A COMMAND",
    ...program.options.flatMap(option),
    ...entry("--help", "display help; mobcast COMMAND --help has the options of a command"),
    ".SH ENVIRONMENT",
    text(
      `Each option of serve has a variable: ${variableOf("maxLag")} is that of --max-lag, and ${
        variableOf("listen")
      } ` +
        "has the URLs of listeners, with spaces between them. A file of --config has the same in JSON, as maxLag and " +
        "listen. The command line comes first, then the environment, then the file. On Deno variables are read with " +
        "--allow-env alone.",
    ),
    ".SH SIGNALS",
    ...SIGNALS.flatMap(([names, meaning]) => entry(names, meaning)),
    ".SH EXIT STATUS",
    ...EXITS.flatMap(([code, meaning]) => entry(code, meaning)),
    "",
  ].join("\n");
}

/** The commands, which are never run. */
function commands(): Command {
  const output = { columns: 100 } as Output;
  return programOf({ args: [], stdout: output, stderr: output } as unknown as Terminal, {} as Actions, () => {});
}

// --- parts ---

function synopsis(command: Command): string {
  const name = command.name() === "serve" ? "[serve]" : command.name();
  return `.B mobcast ${text(name)}\n.RI ${quoted(command.usage())}`;
}

/** A command with its options, in their groups, and the example of its help. */
function section(command: Command): string[] {
  const lines = [`.SS mobcast ${command.name()} ${text(command.usage())}`, `${text(sentence(command.description()))}`];
  let group = "";
  for (const each of command.options) {
    if (each.helpGroupHeading !== undefined && each.helpGroupHeading !== group) {
      group = each.helpGroupHeading;
      lines.push(".PP", `.I ${quoted(group)}`);
    }
    lines.push(...option(each));
  }
  const after = textAfterHelp(command);
  // As it stands in the help: lines are not filled.
  if (after !== "") lines.push(".PP", ".nf", ...after.split("\n").map(text), ".fi");
  return lines;
}

/** What the help of a command says after its options. */
function textAfterHelp(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({ writeOut: (part) => void parts.push(part) }).outputHelp();
  return parts.join("").slice(command.helpInformation().length).trim();
}

function option({ flags, description, argChoices, defaultValue, defaultValueDescription }: Option): string[] {
  const choices = argChoices === undefined ? "" : `: ${argChoices.join(", ")}`;
  const isKnown = defaultValue !== undefined && typeof defaultValue !== "boolean";
  const value = isKnown ? ` (${defaultValueDescription ?? String(defaultValue)})` : "";
  return entry(flags, `${description}${choices}${value}`);
}

/** A term and what it means. `--max-lag <size>` is shown with its value in italics. */
function entry(term: string, meaning: string): string[] {
  const head = text(term).replace(/^[^<[]+/, (flag) => `\\fB${flag.trimEnd()}\\fR${flag.endsWith(" ") ? " " : ""}`)
    .replace(/<([^>]*)>/, "\\fI$1\\fR");
  return [".TP", head, text(meaning)];
}

function sentence(words: string): string {
  return `${words[0]!.toUpperCase()}${words.slice(1)}.`;
}

// --- roff ---

/** Text that roff takes as it is: a dash is a dash, and no line begins with a command. */
function text(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^(?=[.'])/gm, "\\&");
}

function quoted(words: string): string {
  return `"${text(words).replaceAll('"', "\\(dq")}"`;
}
