/**
 * Signals and errors that nothing has caught, as the process is told of them. On Deno not through `node:process`, which
 * takes 20 ms to load: as long as all of Deno's own start.
 *
 * @module
 */

import type { SignalName } from "../../src/cli/terminal.ts";
import { onDeno } from "../shared/which.ts";
import { deno } from "../types/deno.ts";
import { nodeProcess } from "./node_process.ts";

/**
 * What a signal is on a system. Windows has none between processes: it ends them without asking. SIGHUP says there that the
 * console's window is closed, and SIGBREAK is Ctrl-Break. Both are an end, and nothing asks for a reload or for numbers.
 */
export function signalsOf(name: SignalName, isWindows: boolean): readonly NodeJS.Signals[] {
  if (!isWindows) return [name];
  return name === "SIGTERM" ? ["SIGTERM", "SIGHUP", "SIGBREAK"] : name === "SIGINT" ? ["SIGINT"] : [];
}

/** Who is called at a signal. */
const handlers: Map<SignalName, Set<() => void>> = new Map();

/**
 * Calls `handler` at each signal. Returns a function that ends that. The signal is ignored from then on: the process is about
 * to end, and a signal that comes again, which `timeout` sends twice, must not decide its exit code.
 */
export function onSignal(name: SignalName, handler: () => void): () => void {
  let called = handlers.get(name);
  if (called === undefined) {
    handlers.set(name, called = new Set());
    listen(name, called);
  }
  called.add(handler);
  return () => void called.delete(handler);
}

function listen(name: SignalName, called: ReadonlySet<() => void>): void {
  const isWindows = onDeno ? deno().build.os === "windows" : nodeProcess().platform === "win32";
  const call = (): void => called.forEach((handler) => handler());
  for (const signal of signalsOf(name, isWindows)) {
    try {
      if (onDeno) deno().addSignalListener(signal, call);
      else nodeProcess().on(signal, call);
    } catch {
      // A runtime that does not know it: on Windows Deno has no SIGTERM.
    }
  }
}

/** Calls `handler` with each error that nothing has caught. Returns a function that ends that. */
export function onUncaught(handler: (error: unknown) => void): () => void {
  if (onDeno) return onUncaughtDeno(handler);
  nodeProcess().on("uncaughtException", handler).on("unhandledRejection", handler);
  return () => void nodeProcess().off("uncaughtException", handler).off("unhandledRejection", handler);
}

function onUncaughtDeno(handler: (error: unknown) => void): () => void {
  const uncaught = (event: UncaughtEvent): void => {
    event.preventDefault();
    handler(event.error);
  };
  const rejected = (event: UncaughtEvent): void => {
    event.preventDefault();
    handler(event.reason);
  };
  const events = globalThis as unknown as UncaughtEvents;
  events.addEventListener("error", uncaught);
  events.addEventListener("unhandledrejection", rejected);
  return () => {
    events.removeEventListener("error", uncaught);
    events.removeEventListener("unhandledrejection", rejected);
  };
}

/** An error, or the reason of a rejected promise, that nothing has caught. */
interface UncaughtEvent {
  readonly error?: unknown;
  readonly reason?: unknown;
  /** Keeps the process from ending. */
  preventDefault(): void;
}

/** The global object of Deno, as far as it tells of them. */
interface UncaughtEvents {
  addEventListener(name: "error" | "unhandledrejection", handler: (event: UncaughtEvent) => void): void;
  removeEventListener(name: "error" | "unhandledrejection", handler: (event: UncaughtEvent) => void): void;
}
