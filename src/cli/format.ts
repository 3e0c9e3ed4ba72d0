/**
 * Formats: how a received message is printed.
 *
 * @module
 */

import { toHex } from "../bytes.ts";
import { escapeJson, sanitize } from "./sanitize.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `sub` about what it prints. At most one of the first three is set. */
export interface FormatFlags {
  /** A JSON object a line. */
  readonly json?: boolean;
  /** Hexadecimal digits. */
  readonly hex?: boolean;
  /** The bytes, without anything in between. */
  readonly raw?: boolean;
  /** Whether the time stands in front. */
  readonly timestamps?: boolean;
}

/** Prints one message, and resolves when there is room for more. */
export type Print = (message: Uint8Array) => Promise<void>;

/** A printer of messages to standard output. A terminal gets their control characters spelled out, unless `raw`. */
export function printerOf({ stdout, date }: Pick<Terminal, "stdout" | "date">, flags: FormatFlags): Print {
  if (flags.raw) return (message) => stdout.write(message);
  if (flags.json) return (message) => stdout.write(`${toJson(message, date())}\n`);
  const stamp = (): string => flags.timestamps ? `${date()} ` : "";
  if (flags.hex) return (message) => stdout.write(`${stamp()}${toHex(message)}\n`);
  if (stdout.isTerminal) return (message) => stdout.write(`${stamp()}${sanitize(message)}\n`);
  return (message) => {
    if (flags.timestamps) void stdout.write(stamp());
    void stdout.write(message);
    return stdout.write("\n");
  };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A message as a JSON object: its bytes as `text` or, when they are no UTF-8, as `base64`. */
function toJson(message: Uint8Array, time: string): string {
  const size = message.length;
  try {
    return escapeJson(JSON.stringify({ time, size, text: decoder.decode(message) }));
  } catch {
    return JSON.stringify({ time, size, base64: toBase64(message) });
  }
}

/** How many bytes are turned into characters at a time: a call takes only so many arguments. */
const PART = 8192;

function toBase64(bytes: Uint8Array): string {
  let characters = "";
  for (let start = 0; start < bytes.length; start += PART) {
    characters += String.fromCharCode(...bytes.subarray(start, start + PART));
  }
  return btoa(characters);
}
