/**
 * Mutants of the adapters: Unix sockets, limits of the system, and what a process reads and writes.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of what surrounds sockets. */
export const SYSTEM_ADAPTERS: readonly Group[] = [
  {
    file: "adapters/shared/unix_socket.ts",
    proof: unit("unix"),
    bugs: [
      {
        in: "bindFile",
        from: "    chmodSync(inner, mode);\n",
        to: "",
        why: "a socket file is open to everybody",
        sample: true,
      },
      {
        in: "answers",
        from: 'return code !== "ECONNREFUSED" && code !== "ENOENT";',
        to: 'return code === "connected";',
        why: "a socket of a busy server is taken for stale",
        proof: unit("unix", "as many connections waiting as fit"),
      },
      {
        in: "answers",
        from: '  if (code === "ECONNREFUSED" && onBun) return await isFull(path);\n',
        to: "",
        why: "bun: a socket of a busy server is taken for stale",
        proof: { on: ["bun"], tests: "test/unit/unix.test.ts", named: "as many connections waiting as fit" },
      },
      {
        in: "identityOf",
        from: "if (stats.isSocket()) return",
        to: "if (!stats.isDirectory()) return",
        why: "a file that is no socket is replaced",
      },
      {
        in: "dialUnix",
        from: 'code === "EAGAIN" || ',
        to: "",
        why: "a full Unix socket fails at once",
        proof: unit("dialing", "a full Unix socket"),
      },
    ],
  },
  {
    file: "adapters/shared/node_dial.ts",
    proof: { on: ["node", "bun"], tests: "test/unit/dialing.test.ts", named: "leaves no socket|ends at once" },
    bugs: [
      {
        in: "dial",
        from: ', () => socket.destroy(new Error("aborted"))',
        to: ", () => {}",
        why: "a dial that is given up goes on",
      },
    ],
  },
  {
    file: "adapters/shared/file_limit.ts",
    proof: { on: ["node"], tests: "test/end_to_end/file_limit.test.ts", named: "as many as fit" },
    bugs: [
      {
        in: "connectionsThatFit",
        from: "Number(soft) - RESERVE",
        to: "Number(soft)",
        why: "no descriptor is kept for anything but connections",
        hole: 8,
      },
      {
        in: "connectionsThatFit",
        from: "Max open files",
        to: "Max processes",
        why: "the limit of processes is taken for that of files",
        hole: 8,
      },
      {
        in: "mayRead",
        from: '.state === "granted"',
        to: '.state !== "denied"',
        why: "deno: a person is asked whether a file may be read",
        proof: unit("file_limit"),
      },
    ],
  },
  {
    file: "adapters/shared/accept_rests.ts",
    proof: unit("accept_rests"),
    bugs: [
      {
        in: "restsInStream",
        from: "accepted > BACKLOG ? pause(0) : undefined",
        to: "undefined",
        why: "deno: clients that come and go keep all others from being served",
      },
      {
        in: "restsInStream",
        from: "accepted > BACKLOG ? pause(0) : undefined",
        to: "pause(0)",
        why: "deno: a storm of connections is accepted in pieces",
      },
      {
        in: "restsInStream",
        from: "if (last - before > STREAM_ENDS) accepted = 0;",
        to: "",
        why: "deno: after one stream of connections every storm is accepted in pieces",
      },
    ],
  },
  {
    file: "adapters/process/terminal.ts",
    proof: unit("cli_credentials", "the real terminal"),
    bugs: [
      {
        in: "readFile",
        from: "size > TEXT_SIZE",
        to: "size > 64 * TEXT_SIZE",
        why: "a file without an end is read as a certificate",
      },
      {
        in: "openFile",
        from: "stat.mode & 0o7777",
        to: "stat.mode & 0o700",
        why: "a key is told to be its owner's alone",
      },
      {
        in: "openFile",
        from: "      await file.close();\n",
        to: "",
        why: "a directory that was opened for a file stays open",
        hole: 6,
      },
      {
        in: "readChunks",
        from: "    await file.close();\n",
        to: "",
        why: "a file that was read stays open",
        hole: 6,
      },
    ],
  },
  {
    file: "adapters/process/process_events.ts",
    proof: unit("cli_credentials", "the real terminal"),
    bugs: [
      {
        in: "onSignal",
        from: "called.delete(handler)",
        to: "called",
        why: "handlers of signals stay",
        hole: 6,
      },
    ],
  },
  {
    file: "adapters/process/writer.ts",
    proof: { on: ["bun"], tests: "test/end_to_end/output.test.ts", named: "^bun: a log that is broken" },
    bugs: [
      {
        in: "writeTo",
        from: "resolve(length)",
        to: "resolve(bytes.length)",
        why: "a short write is taken for a whole one",
        proof: { on: ["bun"], tests: "test/end_to_end/output.test.ts", named: "^bun: a command whose output cannot" },
      },
      {
        in: "writeTo",
        from: "error === null ? resolve(length) : reject(error)",
        to: "resolve(length)",
        why: "an output that cannot be written is no failure",
      },
    ],
  },
];
