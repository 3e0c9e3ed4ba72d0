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

/** Calls `handler` at each signal. Returns a function that ends that. */
export function onSignal(name: SignalName, handler: () => void): () => void {
  const isWindows = onDeno ? deno().build.os === "windows" : nodeProcess().platform === "win32";
  const heard = signalsOf(name, isWindows).filter((signal) => {
    try {
      if (!onDeno) nodeProcess().on(signal, handler);
      else deno().addSignalListener(signal, handler);
      return true;
    } catch {
      // A runtime that does not know it: on Windows Deno has no SIGTERM.
      return false;
    }
  });
  return () => {
    for (const signal of heard) {
      if (onDeno) deno().removeSignalListener(signal, handler);
      else nodeProcess().off(signal, handler);
    }
  };
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
