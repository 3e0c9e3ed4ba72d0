/**
 * Mutants of the command line.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The tests of the queue in front of a writer: those without a process. */
const OUTPUT = "a log on a disk|a line that|at the end|a pipe that|no room|output of a command";

/** The bugs of the command line. */
export const CLI: readonly Group[] = [
  {
    file: "src/cli/main.ts",
    proof: unit("cli_serve"),
    bugs: [
      {
        in: "main",
        from: " ? undefined : end(1);\n",
        to: " ? undefined : undefined;\n",
        why: "a second signal does nothing",
        sample: true,
        proof: unit("cli_serve", "serve: a second signal"),
      },
      {
        in: "main",
        from: "< SAME_SIGNAL ?",
        to: "< 0 ?",
        why: "a signal that is sent twice is taken for two",
        proof: unit("cli_serve", "serve: a second signal"),
      },
      {
        in: "main",
        from: "    for (const stop of undo) stop();\n",
        to: "",
        why: "signals are handled after the end",
        proof: unit("cli_serve", "serve: one line for each listener"),
      },
      {
        in: "report",
        from: "debug ? (stack ?? message)",
        to: "!debug ? (stack ?? message)",
        why: "an internal error shows its stack",
        proof: unit("cli_serve", "an uncaught error is one line"),
      },
    ],
  },
  {
    file: "src/cli/sanitize.ts",
    proof: unit("cli_units", "sanitize"),
    bugs: [
      {
        in: "UNSAFE",
        from: "\\x7f-\\x9f",
        to: "\\x7f",
        why: "C1 controls act on a terminal",
      },
    ],
  },
  {
    file: "src/cli/join.ts",
    proof: unit("cli_join"),
    bugs: [
      {
        in: "receive",
        from: "      await stdout.write(stdout.isTerminal ?",
        to: "      void stdout.write(stdout.isTerminal ?",
        why: "join: an output that is slow is not waited for",
        hole: 12,
      },
      {
        in: "sendLines",
        from: "  if (stdin.isTerminal) leave();\n",
        to: "",
        why: "join: a person cannot leave",
      },
    ],
  },
  {
    file: "src/cli/exchange.ts",
    proof: unit("cli_pub", "pub"),
    bugs: [
      {
        in: "#receive",
        from: "this.#sentAll && this.#echoes.isComplete",
        to: "this.#echoes.isComplete",
        why: "pub: it ends before all lines were read",
      },
    ],
  },
  {
    file: "src/cli/lines.ts",
    proof: unit("cli_units"),
    bugs: [
      {
        in: "splitLines",
        from: "if (held > limit) throw",
        to: "if (part.length > limit) throw",
        why: "a line that comes in parts has no limit",
      },
    ],
  },
  {
    file: "src/cli/credentials.ts",
    proof: unit("cli_credentials", "credentials"),
    bugs: [
      {
        in: "OWNER_ONLY",
        from: "0o077",
        to: "0o007",
        why: "a key that the group may use is not warned of",
      },
    ],
  },
  {
    file: "src/cli/output.ts",
    proof: unit("output", OUTPUT),
    bugs: [
      {
        in: "hasNoRoomFor",
        from: "this.#held + length + PART_COST > OUTPUT_LIMIT",
        to: "length > OUTPUT_LIMIT",
        why: "log lines that are not read wait without bound",
      },
      {
        in: "add",
        from: "this.#held += bytes.length + PART_COST;",
        to: "this.#held += bytes.length;",
        why: "log lines of one byte cost nothing while they wait",
      },
      {
        in: "#writeAll",
        from: 'if (code === "EAGAIN") {',
        to: 'if (code === "EWOULDBLOCK") {',
        why: "a pipe without room at the moment loses lines",
      },
      {
        in: "#writeAll",
        from: 'code !== "EINTR"',
        to: 'code !== "EAGAIN"',
        why: "an interrupted write loses lines",
      },
      {
        in: "LossyOutput.written",
        from: "    if (length >= end) this.#lost -= lines;\n",
        to: "    this.#lost -= lines;\n",
        why: "a count of lost lines that could not be written is forgotten",
      },
      {
        in: "LossyOutput",
        from: "this.#isTorn ? [Uint8Array.of(NEWLINE)] : []",
        to: "this.#isTorn ? [new Uint8Array(0)] : []",
        why: "a line that was cut runs into the next",
      },
      {
        in: "LossyOutput.flush",
        from: "    this.#isLast = true;\n",
        to: "",
        why: "lines that were lost last are not counted",
      },
      {
        in: "PatientOutput.written",
        from: "    if (error !== undefined) this.#broken.abort(error);\n",
        to: "",
        why: "a command whose output cannot be written goes on",
      },
      {
        in: "PatientOutput.release",
        from: "    this.#wake();\n",
        to: "",
        why: "a command that is stopped waits for a reader",
      },
    ],
  },
  {
    file: "src/cli/early_log.ts",
    proof: unit("early_log"),
    bugs: [
      {
        in: "startLoggingSoon",
        from: "      await flush();\n",
        to: "",
        why: "the first lines of a server that ends at once are lost",
        sample: true,
      },
      {
        in: "startLoggingSoon",
        from: 'typeof properties === "function" ? properties() : properties',
        to: 'properties as EarlyLine["properties"]',
        why: "early lines tell what is true later",
      },
      {
        in: "startLoggingSoon",
        from: "if (lines.length === MOST_EARLY) lost++;",
        to: "if (lines.length === MOST_EARLY) return;",
        why: "early lines are lost and not counted",
      },
      {
        in: "startLoggingSoon",
        from: "      if (loading === undefined) release();\n      else (await loading)();\n",
        to: "      await loading;\n",
        why: "a log that has ended takes the lines of those who come later",
      },
    ],
  },
  {
    file: "src/cli/logging.ts",
    proof: unit("output", "the count is a log line"),
    bugs: [
      {
        in: "startLogging",
        from: 'sanitize: { sgr: "escape" }',
        to: "sanitize: false",
        why: "what a client writes into the log acts on a terminal",
        hole: 12,
      },
      {
        in: "startLogging",
        from: ', sanitize: { sgr: "escape" }',
        to: "",
        why: "the text of a log line colors a terminal",
      },
      {
        in: "startLogging",
        from: "  stderr.notice = (lines) => toLine(lost(lines, latest));\n",
        to: "",
        why: "the count of lost lines is no line of the log",
      },
    ],
  },
  {
    file: "src/cli/serve.ts",
    proof: unit("cli_listeners", "serve: SIGHUP"),
    bugs: [
      {
        in: "runServe",
        from: "    stopReloading();\n",
        to: "",
        why: "a server that has ended hears SIGHUP",
      },
      {
        in: "reload",
        from: "    await mob.reload();\n",
        to: "",
        why: "SIGHUP says that it reloads, and does not",
      },
      {
        in: "reload",
        from: "    await mob.reload();\n",
        to: "    await mob.close();\n",
        why: "SIGHUP drops the clients",
      },
      {
        in: "readCredentials",
        from: "() => files.forListeners(flags)",
        to: "await files.forListeners(flags)",
        why: "SIGHUP shows the certificates of the start again",
      },
    ],
  },
  {
    file: "src/cli/status_client.ts",
    proof: unit("status_client"),
    bugs: [
      {
        in: "#chunks",
        from: "        yield chunk;\n        cancel = wait(SILENCE);\n",
        to: "        cancel = wait(SILENCE);\n        yield chunk;\n",
        why: "status: a slow reader is taken for a silent server",
        sample: true,
        proof: unit("status_client", "falls silent"),
      },
      {
        in: "live",
        from: "{ stream: true }",
        to: "{}",
        why: "status: a character that is cut is lost",
        proof: unit("status_client", "live reports come whole"),
      },
      {
        in: "#whole",
        from: "      if (size > LARGEST)",
        to: "      if (false)",
        why: "status: an answer has no largest size",
        proof: unit("status_client", "all kinds of wrong answers"),
      },
    ],
  },
  {
    file: "src/cli/report_check.ts",
    proof: unit("status_client", "what is no report"),
    bugs: [
      {
        in: "isLike",
        from: "typeof value === typeof shape",
        to: "true",
        why: "status: a report of something else is taken for one",
      },
    ],
  },
  {
    file: "src/cli/full_screen.ts",
    proof: unit("full_screen", "screen|terminal"),
    bugs: [
      {
        in: "#run",
        from: "      await this.#output.flush();\n",
        to: "",
        why: "top: drawings queue up before a slow terminal",
      },
      {
        in: "close",
        from: "    void this.#output.write(LEAVE);\n",
        to: "",
        why: "top: the screen of before does not come back",
        sample: true,
      },
    ],
  },
  {
    file: "src/cli/top.ts",
    proof: unit("cli_top", "given back"),
    bugs: [
      {
        in: "LiveTable.close",
        from: "    for (const undo of this.#undo) undo();\n",
        to: "",
        why: "top: the keyboard is not given back",
      },
      {
        in: "runTop",
        from: "  onAny([drop], () => top.close());\n",
        to: "",
        why: "top: an internal error leaves its screen",
      },
    ],
  },
  {
    file: "src/cli/status_watch.ts",
    proof: unit("cli_top", "goes on by itself"),
    bugs: [
      {
        in: "#take",
        from: "    this.#lost = undefined;\n",
        to: "",
        why: "top: a server that is back is still away",
      },
    ],
  },
  {
    file: "src/cli/top_view.ts",
    proof: unit("cli_view", "names from the network"),
    bugs: [
      {
        in: "listenersOf",
        from: 'oneLine(url ?? "mob.join()")',
        to: 'url ?? "mob.join()"',
        why: "top: the URL of a listener acts on the terminal",
      },
      {
        in: "nameOf",
        from: "const name = oneLine(remoteAddress);",
        to: "const name = remoteAddress;",
        why: "top: the address of a client acts on the terminal",
      },
    ],
  },
];
