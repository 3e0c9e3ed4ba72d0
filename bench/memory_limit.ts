/** A limit of memory for one process: a control group of its own, of whichever version the machine has. */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What a version calls its files. */
interface Version {
  readonly root: string;
  /** A file that is there when this version has the memory of processes. */
  readonly sign: string;
  readonly limit: string;
  readonly peak: string;
}

const VERSIONS: readonly Version[] = [
  { root: "/sys/fs/cgroup", sign: "memory.stat", limit: "memory.max", peak: "memory.peak" },
  {
    root: "/sys/fs/cgroup/memory",
    sign: "memory.limit_in_bytes",
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
  },
];

/** A control group with a limit. */
export class MemoryLimit {
  readonly #folder: string;
  readonly #peak: string;

  /** Makes one. Throws when this machine does not let it. */
  constructor(bytes: number) {
    const version = VERSIONS.find(({ root, sign }) => existsSync(join(root, sign)));
    if (version === undefined) throw new Error("this machine has no control groups for memory");
    this.#folder = join(version.root, `mobcast-bench-${process.pid}`);
    this.#peak = version.peak;
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, version.limit), String(bytes));
  }

  /** The same command, with the limit. */
  around(command: readonly string[]): readonly string[] {
    return ["sh", "-c", `echo $$ > ${this.#folder}/cgroup.procs && exec "$@"`, "sh", ...command];
  }

  /** The most that its processes had at a time, with what the kernel keeps of files for them, in bytes. */
  get peak(): number {
    return Number(readFileSync(join(this.#folder, this.#peak), "utf8"));
  }

  /** Removes the group, whose processes have ended. */
  remove(): void {
    rmdirSync(this.#folder);
  }
}
