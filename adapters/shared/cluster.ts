/**
 * Workers of a cluster: each is a process, and a mob lives in one.
 *
 * @module
 */

const ADVICE = "a mob lives in one process, so start one worker (with pm2: fork mode, one instance)";

/** The same error; where a worker of a cluster finds its address taken, with the way forward. */
export async function adviseWorker(error: unknown): Promise<unknown> {
  if ((error as { code?: string }).code !== "EADDRINUSE") return error;
  const { default: cluster } = await import("node:cluster");
  return cluster.isWorker ? Object.assign(error as Error, { advice: ADVICE }) : error;
}
