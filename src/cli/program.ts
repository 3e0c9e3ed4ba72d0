/**
 * The program: commands, arguments, options and their help.
 *
 * @module
 */

import { Command, CommanderError, Option, type OutputConfiguration } from "commander";
import { parseDestination } from "../client/destination.ts";
import { DEFAULT_URL } from "../contract/address.ts";
import { BENCH_FRAMINGS, STAMP } from "../load/message.ts";
import { LIMITS, type Limits, resolveOptions } from "../server/options.ts";
import { VERSION } from "../version.ts";
import { checkUrl, withFraming } from "./arguments.ts";
import { addBusOptions, checkBusFlags } from "./bus_flags.ts";
import type { BenchFlags } from "./bench.ts";
import { addCheckCommand, type CheckActions } from "./check_command.ts";
import { addClientCommands, type ClientActions } from "./client_commands.ts";
import { addClientOptions, addListenerOptions, checkClient, checkListeners } from "./listener_flags.ts";
import { addCompletionCommand } from "./completion.ts";
import { choiceOption, limitOption, rangeOption } from "./flags.ts";
import { exampleOf, HELP, SERVER } from "./help.ts";
import { listenUrl } from "./listen_words.ts";
import {
  DEFAULT_LOG_FORMAT,
  DEFAULT_LOG_LEVEL,
  LOG_FORMATS,
  LOG_LEVELS,
  type ServeFlags,
  toOptions,
} from "./serve_flags.ts";
import { Usage } from "./session.ts";
import { applySettings, originOf } from "./settings.ts";
import { addStatusCommands, type StatusActions } from "./status_commands.ts";
import { commandMeant, isUnknownCommand, withHint } from "./suggestions.ts";
import { addStatusOptions, checkStatusFlags } from "./status_listener_flags.ts";
import { addThreadOptions, checkThreads, LIMITS_TITLE } from "./thread_flags.ts";
import type { Output, Terminal } from "./terminal.ts";

/** What the commands do with their parsed arguments. Each resolves to the exit code. */
export interface Actions extends ClientActions, CheckActions, StatusActions {
  /** `mobcast [serve] [URL ...]` */
  serve(urls: readonly string[], flags: ServeFlags): Promise<number>;
  /** `mobcast bench [URL]` */
  bench(url: string, flags: BenchFlags): Promise<number>;
}

/** Parses the arguments and runs the command. Resolves to the exit code; rejects with a {@link Usage} when they are wrong. */
export async function runProgram(terminal: Terminal, actions: Actions): Promise<number> {
  let code = 0;
  const program = programOf(terminal, actions, (exit) => code = exit);
  try {
    checkCommand(program, terminal.args);
    await program.parseAsync(terminal.args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are thrown too.
    if (error.exitCode === 0) return code;
    const flags = commandOf(program, terminal.args).options.map(({ long }) => long ?? "");
    throw new Usage(withHint(error.message.replace(/^error: /, ""), terminal.args, flags));
  }
  return code;
}

/** The program with all its commands. `finish` takes the exit code of the one that runs. */
export function programOf(terminal: Terminal, actions: Actions, finish: (code: number) => void): Command {
  const program = new Command("mobcast")
    .description("A multi-echo server: every frame that a connection sends goes to every connection.")
    .version(VERSION)
    .helpCommand(false)
    .exitOverride()
    .configureHelp(HELP)
    .configureOutput(outputTo(terminal));
  serveCommand(program).action(async (urls: string[], _: ServeFlags, command: Command) => {
    const set = await applySettings(command, terminal);
    const { config: _config, ...flags } = command.opts<ServeFlags & { config?: string }>();
    const listeners = (urls.length > 0 ? urls : set?.urls ?? [DEFAULT_URL]).map(listenUrl);
    for (const url of listeners) checkUrl(command, url, urls.length > 0 ? undefined : set?.origin);
    checkListeners(command, listeners, flags, checkStatusFlags(command, flags));
    checkBusFlags(command, flags);
    checkOptions(command, flags);
    checkThreads(command, listeners, flags);
    finish(await actions.serve(listeners, flags));
  });
  addClientCommands(program, terminal.args, actions, finish);
  benchCommand(program).action(async (url: string, flags: BenchFlags, command: Command) => {
    checkUrl(command, url, undefined, parseDestination);
    checkClient(command, url, flags);
    if (flags.publishers > flags.clients) {
      command.error(`option '--publishers' is ${flags.publishers}, more than there are --clients: ${flags.clients}`);
    }
    finish(await actions.bench(url, withFraming(command, url, flags)));
  });
  addCheckCommand(program, actions, finish);
  addStatusCommands(program, actions, finish);
  addCompletionCommand(program, (text) => terminal.stdout.write(text));
  // The commands have the help of their own by now: a list of commands has no defaults.
  program.configureHelp({}).addHelpText(
    "after",
    exampleOf("mobcast serve tcp://127.0.0.1:8000", "\nThe options of a command: mobcast serve --help"),
  );
  return program;
}

// --- commands ---

function serveCommand(program: Command): Command {
  const command = program.command("serve", { isDefault: true })
    .summary("start a server (the default command)")
    .description("start a server with a listener at each URL, all into one mob; port 0 picks a free port")
    .argument("[URL...]", SERVER)
    .addOption(choiceOption("framing"))
    .addOption(choiceOption("slowConsumer"))
    .addOption(choiceOption("echo"))
    .option("--resume", "clients resume their streams; or TCP-URL?resume=true", false)
    .addOption(
      new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default(DEFAULT_LOG_LEVEL),
    )
    .addOption(
      new Option("--log-format <format>", "how a log line looks").choices(LOG_FORMATS).default(DEFAULT_LOG_FORMAT),
    )
    .option("--config <file>", 'options in JSON, {"maxLag": "1MiB"}; or as MOBCAST_MAX_LAG')
    // One line less: those that read this know it.
    .addHelpOption(new Option("-h, --help").hideHelp())
    .optionsGroup(LIMITS_TITLE);
  for (const name of Object.keys(LIMITS)) command.addOption(limitOption(name as keyof Limits));
  addListenerOptions(command.optionsGroup("Access, status and bus:"));
  addStatusOptions(command);
  return addThreadOptions(addBusOptions(command))
    .addHelpText("after", exampleOf("mobcast serve tcp://127.0.0.1:8000 --max-lag 1MiB --log-format json"));
}

function benchCommand(program: Command): Command {
  const many = { min: 1, max: 1_000_000 };
  const framing = new Option("--framing <word>", "how frames are delimited").choices(BENCH_FRAMINGS).default("u64");
  const command = program.command("bench")
    .summary("load a running server, report its speed")
    .description("load a server; report its speed, and whether all received each frame once")
    .argument("[URL]", SERVER, DEFAULT_URL)
    .addOption(
      rangeOption("--clients", "count", "connections; all of them receive", { min: 1, max: 100_000 }).default(100),
    )
    .addOption(rangeOption("--publishers", "count", "how many of them also send", { min: 1, max: 100_000 }).default(4))
    .addOption(rangeOption("--size", "size", "payload of each frame", { min: STAMP, max: 64 * 2 ** 20 }).default(64))
    .addOption(rangeOption("--rate", "count", "frames a second from each publisher", many).conflicts("inFlight"))
    .addOption(rangeOption("--in-flight", "count", "without --rate: frames under way", many).default(1024))
    .addOption(rangeOption("--seconds", "count", "how long to measure", { min: 1, max: 86_400 }).default(5))
    .addOption(framing);
  return addClientOptions(command)
    .option("--json", "print the result as JSON", false)
    .option("--histogram", "draw a histogram of the delays", false)
    .addHelpText("after", exampleOf("mobcast bench tcp://127.0.0.1:8000 --clients 1000 --rate 20"));
}

// --- output ---

/** The environment is not read: under Deno that takes a permission which serving does not need. */
function outputTo({ stdout, stderr }: Terminal): OutputConfiguration {
  const width = (output: Output) => (): number => output.columns ?? 100;
  return {
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    // `main` writes errors, in one line.
    outputError: () => {},
    getOutHelpWidth: width(stdout),
    getErrHelpWidth: width(stderr),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  };
}

// --- wrong arguments ---

/** Refuses options that are wrong together, such as a lag below the frame size, and addresses that are none. */
function checkOptions(command: Command, flags: ServeFlags): void {
  try {
    resolveOptions(toOptions(flags));
  } catch (error) {
    const name = /\b(max(Lag|Frame|ReceiveMemory)|slowConsumer)\b|(?<=^Cannot use )(allow|deny|history|resume)\b/g;
    command.error((error as Error).message.replace(name, (option) => originOf(command, option)));
  }
}

/** Refuses a first word that is no command, whatever options follow it. */
function checkCommand(program: Command, args: readonly string[]): void {
  const names = program.commands.map((command) => command.name());
  const [word] = args;
  if (!isUnknownCommand(word, names)) return;
  const meant = commandMeant(args, names);
  if (meant !== undefined) program.error(`unknown command ${JSON.stringify(word)}, did you mean mobcast ${meant}?`);
  // A word may be the name of a host, which is answered with its URL.
  if (word !== "localhost") program.error(`unknown command ${JSON.stringify(word)}, there are ${names.join(", ")}`);
}

/** The command that the arguments name. */
function commandOf(program: Command, args: readonly string[]): Command {
  return program.commands.find((command) => args.includes(command.name())) ?? program.commands[0]!;
}
