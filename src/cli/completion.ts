/**
 * The command `completion`: scripts for shells, made from the commands and options that there are.
 *
 * @module
 */

import { Argument, type Command, type Option } from "commander";

/** The shells. */
const SHELLS = ["bash", "zsh", "fish"] as const;

/** The name of a shell. */
type Shell = (typeof SHELLS)[number];

/** An option, as a shell knows it. */
interface OptionWords {
  /** Its name, with dashes. */
  readonly flag: string;
  /** What it is for, in a few words. */
  readonly about: string;
  /** The values that it takes; empty: any. */
  readonly choices: readonly string[];
  /** What follows it: nothing, a file or something else. */
  readonly value: "none" | "file" | "other";
}

/** A command, as a shell knows it. */
interface CommandWords {
  readonly name: string;
  readonly about: string;
  readonly options: readonly OptionWords[];
  /** The words that its arguments are, if they are a few. */
  readonly words: readonly string[];
}

/** Adds the command to the program. `write` takes the script. */
export function addCompletionCommand(program: Command, write: (text: string) => Promise<void>): void {
  const load: Readonly<Record<Shell, string>> = {
    bash: 'eval "$(mobcast completion bash)" in ~/.bashrc',
    zsh: "mobcast completion zsh > _mobcast in a folder of $fpath",
    fish: "mobcast completion fish > ~/.config/fish/completions/mobcast.fish",
  };
  program.command("completion")
    .configureHelp({})
    .summary("print completions of commands and options")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", `\nTo use it:\n${SHELLS.map((shell) => `  ${load[shell]}\n`).join("")}`)
    .action((shell: Shell) => write(completionScript(program, shell)));
}

/** The script for a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map(wordsOf);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

function wordsOf(command: Command): CommandWords {
  const help = { flag: "--help", about: "display help", choices: [], value: "none" } as const;
  return {
    name: command.name(),
    about: shorten(command.summary() || command.description()),
    options: [...command.options.map(optionWords), help],
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
}

function optionWords({ long, description, argChoices, required, flags }: Option): OptionWords {
  const value = !required ? "none" : flags.endsWith("<file>") ? "file" : "other";
  return { flag: long!, about: shorten(description), choices: argChoices ?? [], value };
}

/** The first words of a description. */
function shorten(text: string): string {
  return text.split(/[;(]|, (?=and|which|with)/)[0]!.trim();
}

// --- bash ---

function bashScript(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name }) => name);
  /** What is done after which options, each with its command. */
  const after = new Map<string, string[]>();
  for (const { name, options } of commands) {
    for (const { flag, value, choices } of options) {
      if (value === "none") continue;
      const files = 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word"))';
      const words = choices.length > 0 ? `COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$word"))` : ":";
      const action = value === "file" ? files : words;
      after.set(action, [...after.get(action) ?? [], `"${name} ${flag}"`]);
    }
  }
  const cases = [...after].map(([action, places]) => `    ${places.join("|")})\n      ${action} ;;`);
  const lists = commands.map(({ name, options, words }) =>
    `        ${name}) list="${[...options.map(({ flag }) => flag), ...words].join(" ")}" ;;`
  );
  return `# Completion of mobcast for bash: eval "$(mobcast completion bash)"
_mobcast() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=serve list each
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in ${names.join("|")}) command=$each; break ;; esac
  done
  COMPREPLY=()
  case "$command $before" in
${cases.join("\n")}
    *)
      case $command in
${lists.join("\n")}
      esac
      [[ COMP_CWORD -eq 1 ]] && list="${names.join(" ")} --version $list"
      [[ $word == -* || COMP_CWORD -eq 1 || $command == completion ]] && COMPREPLY=($(compgen -W "$list" -- "$word")) ;;
  esac
}
complete -F _mobcast mobcast
`;
}

// --- zsh ---

function zshScript(commands: readonly CommandWords[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const label = (text: string): string => text.replace(/[[\]:\\]/g, "\\$&");
  const optionOf = ({ flag, about, choices, value }: OptionWords): string => {
    const action = value === "file" ? "_files" : choices.length > 0 ? `(${choices.join(" ")})` : " ";
    return quote(`${flag}[${label(about)}]${value === "none" ? "" : `:${flag.slice(2)}:${action}`}`);
  };
  const cases = commands.map(({ name, options, words }) => {
    const rest = words.length > 0 ? quote(`1:word:(${words.join(" ")})`) : quote("*: : ");
    return `    ${name}) _arguments ${[...options.map(optionOf), rest].join(" \\\n      ")} ;;`;
  });
  const names = commands.map(({ name, about }) => quote(`${name}:${label(about)}`));
  return `#compdef mobcast
# Completion of mobcast for zsh: mobcast completion zsh > _mobcast, in a folder of $fpath
_mobcast() {
  local command=serve
  local -a commands
  commands=(
    ${names.join("\n    ")}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  if (( $commands[(I)$words[2]:*] )); then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _mobcast ]]; then _mobcast "$@"; else compdef _mobcast mobcast; fi
`;
}

// --- fish ---

function fishScript(commands: readonly CommandWords[]): string {
  const quote = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const others = commands.map(({ name }) => name).filter((name) => name !== "serve").join(" ");
  const lines = ["# Completion of mobcast for fish", "complete -c mobcast -f"];
  lines.push(`complete -c mobcast -n __fish_use_subcommand -l version -d 'output the version number'`);
  for (const { name, about, options, words } of commands) {
    lines.push(`complete -c mobcast -n __fish_use_subcommand -a ${name} -d ${quote(about)}`);
    // Without a command the options are those of serve.
    const when = name === "serve" ? `not __fish_seen_subcommand_from ${others}` : `__fish_seen_subcommand_from ${name}`;
    for (const { flag, about, choices, value } of options) {
      const values = choices.length > 0 ? ` -x -a ${quote(choices.join(" "))}` : value === "file" ? " -r -F" : " -x";
      const takes = value === "none" ? "" : values;
      lines.push(`complete -c mobcast -n ${quote(when)} -l ${flag.slice(2)}${takes} -d ${quote(about)}`);
    }
    if (words.length > 0) lines.push(`complete -c mobcast -n ${quote(when)} -a ${quote(words.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}
