/**
 * Abort: what is done when a signal aborts, with one listener on a signal however many wait for it.
 *
 * @module
 */

/** What waits for one signal. */
interface Listening {
  readonly runs: Set<() => void>;
  readonly listener: () => void;
}

/**
 * Runtimes look through all listeners of a signal for each new one, and Node 20 warns from the eleventh on: one program
 * may well hand one signal to thousands of sends.
 */
const listening: WeakMap<AbortSignal, Listening> = new WeakMap();

/**
 * Runs `run`, a function of the caller's own, once when the signal aborts. Returns what takes it back. A signal that has
 * aborted already runs nothing: look at it first.
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
      // Who takes back what has run already finds nothing to take back.
      runs.delete(run);
      run();
    }
  };
  signal.addEventListener("abort", listener, { once: true });
  const made = { runs, listener };
  listening.set(signal, made);
  return made;
}
