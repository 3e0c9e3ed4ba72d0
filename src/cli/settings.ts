/**
 * Settings: the options of `serve` from environment variables and from a file, for those that the command line leaves out.
 * They are made from the options of the command, so each option has its variable, `MOBCAST_MAX_LAG`, and its name in the
 * file, `maxLag`. The command line comes first, then the environment, then the file, then the default.
 *
 * @module
 */

import { type Command, CommanderError, type Option } from "commander";
import { suggestion } from "../suggestion.ts";
import { flagOf } from "./flags.ts";
import { attempt } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** The URLs of listeners, and where they come from, for errors. */
export interface ListenSetting {
  /** The URLs. */
  readonly urls: readonly string[];
  /** `MOBCAST_LISTEN`, or `in FILE: listen`. */
  readonly origin: string;
}

/** What all variables begin with. */
export const PREFIX = "MOBCAST_";

/** The name of the URLs, which are arguments on the command line. */
const LISTEN = "listen";

/** Variables that Kubernetes sets in each container when a service is called mobcast. */
const OF_KUBERNETES = /^MOBCAST_(SERVICE_(HOST|PORT.*)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/;

/** Names that are near in meaning to others. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/^(ports?|hosts?|hostname|bind|address|addr|urls?|listeners?)$/i, LISTEN],
  [/^(secret|token|password|auth|authtoken)$/i, "secretFile"],
];

/**
 * Fills in what the command line has left out. Resolves to the URLs of listeners, if the environment or the file has any.
 * A {@link CommanderError} names an unknown name and a wrong value with where it stands.
 */
export async function applySettings(command: Command, terminal: Terminal): Promise<ListenSetting | undefined> {
  const options = new Map(command.options.map((option) => [option.attributeName(), option]));
  const fromEnvironment = readEnvironment(command, terminal.environment(), [...options.keys(), LISTEN]);
  const { config = fromEnvironment.get("config") } = command.opts<{ config?: string }>();
  const fromFile = config === undefined
    ? new Map<string, unknown>()
    : await readFile(command, terminal, config, [...options.keys(), LISTEN].filter((name) => name !== "config"));
  let listen: ListenSetting | undefined;
  const sources: readonly [ReadonlyMap<string, unknown>, (name: string) => string][] = [
    [fromFile, (name) => `in ${config}: ${name}`],
    [fromEnvironment, variableOf],
  ];
  for (const [values, originOf] of sources) {
    for (const [name, value] of values) {
      const origin = originOf(name);
      if (name === LISTEN) listen = { urls: urlsOf(command, value, origin), origin };
      else if (command.getOptionValueSource(name) !== "cli") setOption(command, options.get(name)!, value, origin);
    }
  }
  return listen;
}

/** `MOBCAST_MAX_LAG` for `maxLag`. */
export function variableOf(name: string): string {
  return PREFIX + name.replace(/[A-Z]/g, "_$&").toUpperCase();
}

/** What an error calls an option: where its value stands. */
export function originOf(command: Command, name: string): string {
  const source = command.getOptionValueSource(name);
  const inFile = /^(in .*): (\w+)$/.exec(source ?? "");
  if (inFile !== null) return `${inFile[2]} (${inFile[1]})`;
  return source?.startsWith(PREFIX) === true ? source : flagOf(name);
}

// --- where they come from ---

/** The variables by the names of their options. An empty variable counts as not set, as in compose files. */
function readEnvironment(
  command: Command,
  variables: Readonly<Record<string, string>>,
  names: readonly string[],
): Map<string, string> {
  const known = new Map(names.map((name) => [variableOf(name), name]));
  const found = new Map<string, string>();
  for (const [variable, text] of Object.entries(variables)) {
    const isForeign = OF_KUBERNETES.test(variable) || (variable === "MOBCAST_PORT" && text.includes("://"));
    if (text === "" || isForeign) continue;
    const name = known.get(variable);
    if (name === undefined) {
      const meant = meaning(variable.slice(PREFIX.length));
      const hint = meant === undefined
        ? suggestion(variable, [...known.keys()])
        : `, did you mean ${variableOf(meant)}?`;
      command.error(`unknown environment variable ${variable}${hint}`);
    }
    found.set(name, text);
  }
  return found;
}

/** The values of a file in JSON, by the names of their options. */
async function readFile(
  command: Command,
  terminal: Terminal,
  file: string,
  names: readonly string[],
): Promise<Map<string, unknown>> {
  const { text } = await attempt(terminal.readFile(file));
  let values: unknown;
  try {
    values = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    command.error(`Cannot use ${file}: it is no JSON, ${(error as Error).message}`);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    command.error(`Cannot use ${file}: it is an object of options, such as {"maxLag": "1MiB"}`);
  }
  for (const name of Object.keys(values)) {
    if (names.includes(name)) continue;
    const camel = name.replace(/^-+/, "").replace(/[-_]+(\w)/g, (_, letter: string) => letter.toUpperCase());
    const meant = meaning(name) ?? names.find((each) => each === camel);
    const hint = meant === undefined ? suggestion(name, names) : `, did you mean ${meant}?`;
    command.error(`in ${file}: unknown option ${JSON.stringify(name)}${hint}`);
  }
  return new Map(Object.entries(values));
}

function meaning(name: string): string | undefined {
  return MEANINGS.find(([pattern]) => pattern.test(name))?.[1];
}

// --- values ---

function urlsOf(command: Command, value: unknown, origin: string): readonly string[] {
  const urls: unknown = origin.startsWith(PREFIX)
    ? String(value).split(/\s+/).filter((url) => url !== "")
    : typeof value === "string"
    ? [value]
    : value;
  if (Array.isArray(urls) && urls.length > 0 && urls.every((url) => typeof url === "string")) return urls;
  return command.error(`${origin} ${JSON.stringify(value)} is invalid. It is a URL or a list of URLs.`);
}

/** Sets an option as the command line would. */
function setOption(command: Command, option: Option, value: unknown, origin: string): void {
  const refuse = (reason: string): never => command.error(`${origin} ${JSON.stringify(value)} is invalid. ${reason}`);
  if (option.isBoolean()) {
    const isOn = String(value) === "true" || (String(value) !== "false" && refuse("It is true or false."));
    return void command.setOptionValueWithSource(option.attributeName(), isOn, origin);
  }
  const text = textOf(option, value) ?? refuse("It is text, or a number where the option is one.");
  try {
    const parse = option.parseArg as ((text: string, before: unknown) => unknown) | undefined;
    // A value replaces what a source behind it says.
    command.setOptionValueWithSource(option.attributeName(), parse?.(text, option.defaultValue) ?? text, origin);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    refuse(error.message);
  }
}

/** A value as the command line has it; `undefined` when it is of another kind. Numbers are bytes and milliseconds. */
function textOf({ flags }: Option, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" && /<(count|size)>/.test(flags)) return String(value);
  if (typeof value === "number" && flags.includes("<duration>")) return `${value}ms`;
  if (!Array.isArray(value) || !flags.includes(",...>")) return undefined;
  return value.every((entry) => typeof entry === "string") ? value.join(",") : undefined;
}
