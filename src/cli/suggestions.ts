/**
 * Suggestions: what was probably meant by arguments that are wrong, near in meaning or in letters.
 *
 * @module
 */

import { listenUrl } from "./listen_words.ts";

/** Words for commands and what they are called here. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  pub: ["send", "publish", "say", "emit", "post", "push", "write", "tell", "broadcast", "produce", "producer"],
  sub: [
    "subscribe",
    "listen",
    "recv",
    "receive",
    "tail",
    "watch",
    "follow",
    "read",
    "hear",
    "consume",
    "consumer",
  ],
  serve: ["server", "start", "run", "host", "daemon", "up", "open", "listener", "bind"],
  join: ["client", "chat", "connect", "talk", "attach", "enter", "telnet", "console", "repl"],
  stats: ["info", "status", "statistics", "metrics", "health", "state", "varz"],
  top: ["monitor", "htop", "dashboard", "ps", "connections", "clients", "list"],
  bench: ["benchmark", "load", "perf", "stress", "test", "speed"],
  completion: ["completions", "complete", "autocomplete"],
  "--help": ["help", "usage", "man"],
  "--version": ["version"],
};

/** Options of other programs, what they are called here, and what to say when the name is no option here. */
const OPTIONS: readonly { readonly names: string; readonly meant?: string; readonly say?: string }[] = [
  { names: "-m --message --text --data", say: "messages are arguments: mobcast pub TEXT" },
  { names: "-t --topic --channel --subject --room", say: "a mob has no topics: every message goes to all clients" },
  { names: "--tls --ssl --secure", say: "TLS is part of the URL: tls://127.0.0.1:8000" },
  { names: "-n -c -C --number --lines --max --limit", meant: "--count" },
  { names: "-W --timeout --duration --time --wait-for", meant: "--for" },
  { names: "--seconds --duration --time -d", meant: "--seconds" },
  { names: "-f -i -l --input --stdin", meant: "--file" },
  { names: "--nick --user --username --as -u", meant: "--name" },
  { names: "--token --token-file --password --auth --secret --pass", meant: "--secret-file" },
  { names: "--cafile --cacert --ca-file", meant: "--ca" },
  { names: "--timestamp --time -T", meant: "--timestamps" },
  { names: "-x --hexdump", meant: "--hex" },
  { names: "-j", meant: "--json" },
  { names: "--retry --reconnects", meant: "--reconnect" },
  { names: "-v --verbose --debug -d", meant: "--log-level debug" },
];

const PORT = /^(?:-p|--port)$/;
const HOST = /^(?:-H|--host|--hostname|--bind|--listen|--address|--addr)$/;

/** The command or option that a first argument probably means, and the rest of the sentence for it; `undefined`: none. */
export function commandMeant(args: readonly string[], names: readonly string[]): string | undefined {
  const [given = "", next = ""] = args;
  const word = given.toLowerCase();
  // Who listens on a port is a server.
  if (word === "listen" && (next === "on" || listenUrl(next) !== next)) return "serve";
  const known = Object.keys(COMMANDS);
  return known.find((name) => COMMANDS[name]!.includes(word)) ?? names.find((name) => isNear(word, name)) ??
    known.find((name) => word.length > 3 && COMMANDS[name]!.some((other) => isNear(word, other)));
}

/** A first argument in the place of a command that is none: a word that is no URL, no option and no number. */
export function isUnknownCommand(word: string | undefined, names: readonly string[]): word is string {
  return word !== undefined && /^[a-z][a-z-]*$/i.test(word) && !names.includes(word);
}

/** Two letters swapped, one too many, or one missing: jion, joinn, jon. */
function isNear(word: string, name: string): boolean {
  const letters = (text: string): string => [...text].sort().join("");
  return letters(name) === letters(word) ||
    [...word].some((_, index) => word.slice(0, index) + word.slice(index + 1) === name) ||
    [...name].some((_, index) => name.slice(0, index) + name.slice(index + 1) === word);
}

/** Adds to the error of an unknown option what was probably meant. `flags` are the options that the command has. */
export function withHint(message: string, args: readonly string[], flags: readonly string[]): string {
  const name = /^unknown option '([^'=]*)/.exec(message)?.[1];
  if (name === undefined) return message;
  const say = (hint: string): string => `unknown option '${name}', ${hint}`;
  if (PORT.test(name) || HOST.test(name)) return say(`ports are part of the URL: ${urlOf(args)}`);
  for (const { names, meant, say: hint } of OPTIONS) {
    if (!names.split(" ").includes(name)) continue;
    if (hint !== undefined) return say(hint);
    if (flags.includes(meant!.split(" ")[0]!)) return say(`did you mean ${meant}?`);
  }
  return message;
}

/** The URL that options for a host and a port make. */
function urlOf(args: readonly string[]): string {
  const valueOf = (option: RegExp): string | undefined => {
    for (const [index, arg] of args.entries()) {
      const [name = "", value] = arg.split("=", 2);
      if (option.test(name)) return value ?? args[index + 1];
    }
    return undefined;
  };
  const host = valueOf(HOST);
  const own = host === undefined ? undefined : /^(?:[a-z]+:\/\/)?(\[[^\]]+\]|[^:/]+)(?::(\d+))?$/i.exec(host);
  const port = valueOf(PORT) ?? own?.[2];
  const name = own?.[1] ?? (/^[0-9a-f]*:[0-9a-f:.]*$/i.test(host ?? "") ? `[${host}]` : "127.0.0.1");
  return `tcp://${name}:${port !== undefined && /^\d{1,5}$/.test(port) ? port : "9000"}`;
}
