/**
 * Workers of a cluster: each is a process, and a mob lives in one process.
 *
 * @module
 */

const ADVICE = "a mob lives in one process, so start one worker (with pm2: fork mode, one instance)";

/** Returns the error, with advice where a worker of a cluster finds its address in use. */
export async function adviseWorker(error: unknown): Promise<unknown> {
  if ((error as { code?: string }).code !== "EADDRINUSE") return error;
  const { default: cluster } = await import("node:cluster");
  return cluster.isWorker ? Object.assign(error as Error, { advice: ADVICE }) : error;
}
