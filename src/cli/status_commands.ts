/**
 * The commands that look at a server, `stats` and `top`: their arguments, options and help.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { LONGEST_TIMER } from "../check.ts";
import { rangeOption } from "./flags.ts";
import { exampleOf, helpFor, SERVER } from "./help.ts";
import { addTlsClientOptions, checkHttpClient } from "./listener_flags.ts";
import type { StatsFlags } from "./stats.ts";
import { DEFAULT_STATUS_URL, parseStatusUrl } from "./status_url.ts";
import type { TopFlags } from "./top.ts";
import { SORT_WORDS, type SortWord } from "./sorts.ts";
import { STATS } from "../status/stats_table.ts";

/** What the commands do with their parsed arguments. Each resolves to the exit code. */
export interface StatusActions {
  /** `mobcast stats [URL]` */
  stats(url: string, flags: StatsFlags): Promise<number>;
  /** `mobcast top [URL]` */
  top(url: string, flags: TopFlags): Promise<number>;
}

/** Adds the commands to the program. `finish` takes the exit code. */
export function addStatusCommands(program: Command, actions: StatusActions, finish: (code: number) => void): void {
  withCommonOptions(statsCommand(program)).action(async (url: string, flags: StatsFlags, command: Command) => {
    check(command, url, flags);
    finish(await actions.stats(url, flags));
  });
  withCommonOptions(topCommand(program)).action(async (url: string, flags: TopFlags, command: Command) => {
    check(command, url, flags);
    finish(await actions.top(url, flags));
  });
}

const URL_NOTE = `
The server needs --status ${DEFAULT_STATUS_URL}, https://HOST:PORT or unix:PATH.
A port alone, 9100, is one of this machine.`;

/** The names of all numbers, in lines that fit a terminal. */
const NUMBERS = Object.keys(STATS).join(", ").replace(/(.{1,76})(?: |$)/g, "\n$1");

function statsCommand(program: Command): Command {
  return program.command("stats")
    .summary("print how a running server is")
    .description("print how a running server is: what it counts, once")
    .argument("[URL]", SERVER, DEFAULT_STATUS_URL)
    .option("--json", "print the report as JSON", false)
    .addHelpText(
      "after",
      exampleOf(`mobcast stats ${DEFAULT_STATUS_URL} --json`, `${URL_NOTE}\n\nIt counts:${NUMBERS}`),
    );
}

function topCommand(program: Command): Command {
  return program.command("top")
    .summary("watch a running server, a live table")
    .description("watch a running server: what it does, and which connections are behind")
    .argument("[URL]", SERVER, DEFAULT_STATUS_URL)
    .addOption(
      new Option("--sort <word>", "which connections come first").choices(Object.keys(SORT_WORDS))
        .default("lag" satisfies SortWord),
    )
    .addOption(rangeOption("--count", "count", "end after so many looks", { min: 1, max: Number.MAX_SAFE_INTEGER }))
    .addOption(rangeOption("--for", "duration", "end after so long", { min: 1, max: LONGEST_TIMER }))
    .addHelpText("after", exampleOf(`mobcast top ${DEFAULT_STATUS_URL}`, `${URL_NOTE}${KEYS_NOTE}`));
}

const KEYS_NOTE = `
Keys: s next sort, or l a r d k m; p pause; arrows scroll; q quit. Without a
terminal it prints a look a second as text.`;

function withCommonOptions(command: Command): Command {
  return addTlsClientOptions(command.configureHelp(helpFor(DEFAULT_STATUS_URL)), "https");
}

/** Refuses a URL and options that are wrong together. */
function check(command: Command, url: string, flags: StatsFlags | TopFlags): void {
  let protocol: string;
  try {
    ({ server: { protocol } } = parseStatusUrl(url));
  } catch (error) {
    return command.error((error as Error).message);
  }
  checkHttpClient(command, protocol, flags);
}
