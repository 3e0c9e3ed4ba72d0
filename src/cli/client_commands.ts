/**
 * The commands of clients, `join`, `sub` and `pub`: their arguments, options and help.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDestination } from "../client/destination.ts";
import { DEFAULT_URL } from "../contract/address.ts";
import { LONGEST_TIMER } from "../check.ts";
import { checkUrl, splitTexts, withFraming } from "./arguments.ts";
import { choiceOption, limitOption, rangeOption } from "./flags.ts";
import { exampleOf, SERVER } from "./help.ts";
import type { JoinFlags } from "./join.ts";
import { addClientOptions, checkClient } from "./listener_flags.ts";
import type { PubFlags } from "./pub.ts";
import type { SubFlags } from "./sub.ts";
import { parseRate } from "./units.ts";

/** What the commands do with their parsed arguments. Each resolves to the exit code. */
export interface ClientActions {
  /** `mobcast join [URL]` */
  join(url: string, flags: JoinFlags): Promise<number>;
  /** `mobcast sub [URL]` */
  sub(url: string, flags: SubFlags): Promise<number>;
  /** `mobcast pub [URL] [TEXT ...]` */
  pub(url: string, texts: readonly string[], flags: PubFlags): Promise<number>;
}

/** Adds the commands to the program. `args` are all arguments, and `finish` takes the exit code. */
export function addClientCommands(
  program: Command,
  args: readonly string[],
  actions: ClientActions,
  finish: (code: number) => void,
): void {
  withCommonOptions(joinCommand(program)).action(async (url: string, flags: JoinFlags, command: Command) => {
    finish(await actions.join(url, checked(command, url, flags)));
  });
  withCommonOptions(subCommand(program)).action(async (url: string, flags: SubFlags, command: Command) => {
    finish(await actions.sub(url, checked(command, url, flags)));
  });
  withCommonOptions(pubCommand(program)).action(async (given: string[], flags: PubFlags, command: Command) => {
    const dashes = args.indexOf("--");
    const { url, texts } = splitTexts(command, given, dashes === -1 ? 0 : args.length - dashes - 1);
    const all = checked(command, url, flags);
    checkTexts(command, texts, flags);
    finish(await actions.pub(url, texts, all));
  });
}

function joinCommand(program: Command): Command {
  return program.command("join")
    .summary("talk: send lines, print what is received")
    .description("talk: send what is typed line by line, and print what is received")
    .argument("[URL]", SERVER, DEFAULT_URL)
    .option("--name <name>", "goes in front of each line: NAME: TEXT")
    .addOption(reconnectOption())
    .addHelpText("after", exampleOf("mobcast join tcp://127.0.0.1:8000 --name ann", JOIN_NOTE));
}

const JOIN_NOTE = `

On a terminal, Ctrl-D and Ctrl-C leave. With a file or a pipe as its input it
stays after the end of it: use mobcast pub to end then, mobcast sub to receive.`;

function subCommand(program: Command): Command {
  const alone = ["json", "hex", "raw"];
  const form = (flag: string, name: string, about: string): Option =>
    new Option(flag, about).conflicts(alone.filter((other) => other !== name));
  return program.command("sub")
    .summary("subscribe: print each message as a line")
    .description("subscribe: print each message that is received, as a line")
    .argument("[URL]", SERVER, DEFAULT_URL)
    .addOption(
      rangeOption("--count", "count", "end after so many messages", { min: 1, max: Number.MAX_SAFE_INTEGER }),
    )
    .addOption(rangeOption("--for", "duration", "end after so long", { min: 1, max: LONGEST_TIMER }))
    .addOption(form("--json", "json", "JSON lines: time, size, and text or base64"))
    .addOption(form("--hex", "hex", "the bytes of each message in hexadecimal"))
    .addOption(form("--raw", "raw", "the bytes as they are, nothing in between"))
    .addOption(
      new Option("--timestamps", "the time in front of each message")
        .conflicts(["json", "raw"]),
    )
    .addOption(reconnectOption())
    .addHelpText("after", exampleOf("mobcast sub tcp://127.0.0.1:8000 --count 10 --json"));
}

function pubCommand(program: Command): Command {
  return program.command("pub")
    .summary("publish: send messages, report how fast")
    .description("publish: send messages, wait for all to come back, report how many in how long")
    .usage("[options] [URL] [TEXT...]")
    .argument("[TEXT...]", "messages and the URL; - or none: standard input")
    .option("--file <file>", "send each line of a file")
    .addOption(
      new Option("--rate <rate>", "most messages in a time: 100/s, 30/m")
        .argParser(parseRateOption),
    )
    .option("--no-wait", "do not wait for them to come back")
    .addHelpText("after", exampleOf('mobcast pub tcp://127.0.0.1:8000 "hello all" bye', PUB_NOTE));
}

const PUB_NOTE = `
Each TEXT and each line is one message. Text that begins with - goes after --.`;

/** Adds the options that all clients have, after those of the command. */
function withCommonOptions(command: Command): Command {
  const maxFrame = limitOption("maxFrame");
  maxFrame.description = "largest payload to send or receive";
  const resume = new Option("--resume", "go on in the stream: URL?resume=true");
  return addClientOptions(command.addOption(choiceOption("framing")).addOption(maxFrame).addOption(resume));
}

function reconnectOption(): Option {
  return new Option("--reconnect", "connect again when the connection is lost");
}

function parseRateOption(text: string): number {
  const rate = parseRate(text);
  if (rate !== undefined) return rate;
  throw new InvalidArgumentError("It is a rate such as 100/s, 30/m or 2.5/s, up to 1000000/s.");
}

/** Refuses a URL and options that are wrong together, and gives the options the framing of the URL. */
function checked<Flags extends JoinFlags>(command: Command, url: string, flags: Flags): Flags {
  checkUrl(command, url, undefined, parseDestination);
  checkClient(command, url, flags);
  return withFraming(command, url, flags);
}

/** Refuses texts that are no messages, or that another source of messages excludes. */
function checkTexts(command: Command, texts: readonly string[], { file }: PubFlags): void {
  if (file !== undefined && texts.length > 0) {
    command.error(`there are both --file and TEXT: messages come from one of them`);
  }
  if (texts.includes("")) command.error("a TEXT is empty: the server takes an empty message for a ping");
}
