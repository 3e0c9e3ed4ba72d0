/**
 * Abort: functions that run when a signal aborts, with one event listener on a signal for all of them.
 *
 * @module
 */

/** The functions of one signal, and its event listener. */
interface Listening {
  readonly runs: Set<() => void>;
  readonly listener: () => void;
}

/**
 * Runtimes search all listeners of a signal for each new one, and Node 20 warns from the eleventh on: a program may pass
 * one signal to thousands of sends.
 */
const listening: WeakMap<AbortSignal, Listening> = new WeakMap();

/**
 * Runs `run`, a new function for each call, once when the signal aborts. Returns a function that takes it back. A signal
 * that has aborted already runs nothing: check it first.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const { runs, listener } = listening.get(signal) ?? listen(signal);
  runs.add(run);
  return () => {
    if (!runs.delete(run) || runs.size > 0) return;
    signal.removeEventListener("abort", listener);
    listening.delete(signal);
  };
}

function listen(signal: AbortSignal): Listening {
  const runs = new Set<() => void>();
  const listener = (): void => {
    listening.delete(signal);
    for (const run of runs) {
      // Taking back a function that has run does nothing.
      runs.delete(run);
      run();
    }
  };
  signal.addEventListener("abort", listener, { once: true });
  const made = { runs, listener };
  listening.set(signal, made);
  return made;
}
