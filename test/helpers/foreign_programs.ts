/** The clients of examples/clients in other languages, built by Debian's toolchains where those are installed. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./command_line.ts";

/** A client in another language. */
export interface ForeignProgram {
  /** Its file in examples/clients. */
  readonly file: string;
  /** Why it cannot be tried here; `false`: it can. */
  readonly skip: string | false;
  /** Builds it, and gives the command that runs it. `folder` is for what is built, and is removed later. */
  build(folder: string): string[];
}

/** Whether a program is there and starts. */
function starts(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0;
}

/** Runs a compiler, and throws what it says when it fails. */
function compile(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
}

const compiler = ["cc", "gcc", "clang", "tcc"].find((name) => starts(name, name === "tcc" ? "-v" : "--version"));

/** The clients, in the order of the README. */
export const FOREIGN_PROGRAMS: readonly ForeignProgram[] = [
  {
    file: "client.py",
    skip: starts("python3", "--version") ? false : "Python is not installed (Debian: python3)",
    build: () => ["python3", "examples/clients/client.py"],
  },
  {
    file: "client.go",
    skip: starts("go", "version") ? false : "Go is not installed (Debian: golang-go)",
    build(folder) {
      const program = join(folder, "client-go");
      compile("go", ["build", "-o", program, join(ROOT, "examples/clients/client.go")]);
      return [program];
    },
  },
  {
    file: "client.c",
    skip: compiler === undefined ? "no C compiler is installed (Debian: gcc libc6-dev, or tcc)" : false,
    build(folder) {
      const program = join(folder, "client-c");
      const strict = compiler === "tcc" ? ["-Wall", "-Werror"] : ["-Wall", "-Wextra", "-Werror", "-O2"];
      compile(compiler!, [...strict, "-o", program, join(ROOT, "examples/clients/client.c")]);
      return [program];
    },
  },
];

/** Builds a client, calls `use` with the command that runs it, and removes what was built. */
export async function withForeignProgram(
  { build }: ForeignProgram,
  use: (command: readonly string[]) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-clients-"));
  try {
    await use(build(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
