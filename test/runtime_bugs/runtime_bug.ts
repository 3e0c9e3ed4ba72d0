/**
 * Traps: what a runtime does that ours works around. Each is probed on the runtime itself, without our adapters, so that
 * the day on which it is mended is noticed, and the workaround can go.
 *
 * @module
 */

import process from "node:process";

/** The name and the version of the runtime at hand. */
export interface Runtime {
  readonly name: "node" | "bun" | "deno";
  readonly version: string;
}

/** The runtime at hand. Bun and Deno claim to be Node as well, so they are checked first. */
export function runtimeAtHand(): Runtime {
  const { deno, bun, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (deno !== undefined) return { name: "deno", version: deno };
  return bun !== undefined ? { name: "bun", version: bun } : { name: "node", version: node! };
}

/** One row of the table. */
export interface Trap {
  /** The runtimes that have it. */
  readonly runtimes: readonly Runtime["name"][];
  /** The versions that it was seen on. */
  readonly seen: string;
  /** The major versions that have it, where others are known not to. */
  readonly majors?: readonly number[];
  /** Where it is known upstream. */
  readonly link: string;
  /** What happens. */
  readonly what: string;
  /** What of ours is there because of it. */
  readonly workaround: string;
  /** Whether it happens. Where that takes luck it is asked again. */
  readonly probe: () => Promise<boolean>;
}

/** How long a probe is asked again until the trap is seen once. */
const PATIENCE_MS = 3_000;

/** Whether this runtime, in this version, is listed as having the trap. */
export function concerns(trap: Trap, { name, version }: Runtime): boolean {
  return trap.runtimes.includes(name) && (trap.majors?.includes(Number.parseInt(version, 10)) ?? true);
}

/** Fails when the trap is not seen: what to look up, and what can go. */
export async function expectTrap(trap: Trap, { name, version }: Runtime): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  do if (await trap.probe()) return; while (performance.now() < until);
  throw new Error(
    `${name} ${version}: mended (seen on ${trap.seen}): ${trap.what}, see ${trap.link}; can go: ${trap.workaround}`,
  );
}
