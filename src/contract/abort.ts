/**
 * Abort: functions that run when a signal aborts, with one event listener on a signal for all of them.
 *
 * @module
 */

type Run = () => void;

/**
 * What is to run for each signal: one function, as for most, or several. Runtimes search all listeners of a signal for each
 * new one, and Node 20 warns from the eleventh on: a program may pass one signal to thousands of sends.
 */
const runs: WeakMap<AbortSignal, Run | Set<Run>> = new WeakMap();

/**
 * Runs `run`, a new function for each call, once when the signal aborts. Returns a function that takes it back. A signal
 * that has aborted already runs nothing: check it first.
 */
export function onAbort(signal: AbortSignal, run: Run): () => void {
  const others = runs.get(signal);
  if (!others) {
    runs.set(signal, run);
    // Not with `once`, which costs as much as removing it, and most are taken back.
    signal.addEventListener("abort", aborted);
  } else if (typeof others === "function") runs.set(signal, new Set([others, run]));
  else others.add(run);
  return () => takeBack(signal, run);
}

function takeBack(signal: AbortSignal, run: Run): void {
  const left = runs.get(signal);
  if (left === run || (typeof left === "object" && left.delete(run) && left.size === 0)) forget(signal);
}

/** One function for all signals: their event listeners cost no closures. */
function aborted(this: AbortSignal): void {
  const due = runs.get(this);
  if (typeof due === "function") due();
  // A function that is taken back meanwhile is no longer there.
  else for (const run of due ?? []) run();
  forget(this);
}

function forget(signal: AbortSignal): void {
  runs.delete(signal);
  signal.removeEventListener("abort", aborted);
}
