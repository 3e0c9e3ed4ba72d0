/**
 * The full screen: a terminal that a command has for itself, and gives back as it was.
 *
 * @module
 */

import { columnsOf, fit } from "./columns.ts";
import type { Output } from "./terminal.ts";

/** How a part of a line looks. */
export type Style = "plain" | "bold" | "dim" | "reverse";

/** A part of a line. */
export interface Span {
  /** Its text, without control characters. */
  readonly text: string;
  /** How it looks. */
  readonly style: Style;
}

/** A line of the screen, from the left. */
export type Line = readonly Span[];

/** A line of one style. */
export function lineOf(text: string, style: Style = "plain"): Line {
  return [{ text, style }];
}

/** A line without its styles. */
export function plainText(line: Line): string {
  return line.map(({ text }) => text).join("").trimEnd();
}

const CODES: Readonly<Record<Style, string>> = { plain: "", bold: "\x1b[1m", dim: "\x1b[2m", reverse: "\x1b[7m" };

/** The screen of its own (the one before comes back), without a cursor and without lines that go on in the next. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/** Between these a terminal shows nothing, where it knows them: a screen is never seen half drawn. */
const HOLD = "\x1b[?2026h";
const SHOW = "\x1b[?2026l";

/** Draws lines from the top, only those that have changed. */
export class FullScreen {
  readonly #output: Output;
  /** What is on the screen, line by line. */
  #shown: string[] = [];
  /** What comes when the terminal has taken the last drawing. */
  #next: readonly Line[] | undefined;
  #isBusy = false;
  #isOpen = true;

  /** Takes the screen. */
  constructor(output: Output) {
    this.#output = output;
    void output.write(ENTER);
  }

  /** Draws lines. While the terminal is slow, the latest wait, and those before are left out. */
  draw(lines: readonly Line[]): void {
    if (!this.#isOpen) return;
    this.#next = lines;
    if (!this.#isBusy) void this.#run();
  }

  /** Draws everything anew the next time: what is on the screen is not known. */
  forget(): void {
    this.#shown = [];
  }

  /** Gives the screen back. What is drawn later is not shown. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    void this.#output.write(LEAVE);
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    for (let lines = this.#take(); lines !== undefined && this.#isOpen; lines = this.#take()) {
      const text = this.#changes(lines);
      if (text === "") continue;
      void this.#output.write(`${HOLD}${text}${SHOW}`);
      await this.#output.flush();
    }
    this.#isBusy = false;
  }

  #take(): readonly Line[] | undefined {
    const lines = this.#next;
    this.#next = undefined;
    return lines;
  }

  #changes(lines: readonly Line[]): string {
    const columns = this.#output.columns ?? 80;
    const before = this.#shown;
    this.#shown = lines.map((line) => paint(line, columns));
    const all = before.length === 0 ? "\x1b[2J" : "";
    const rows = Math.max(before.length, this.#shown.length);
    const changed = Array.from({ length: rows }, (_, row) => {
      const text = this.#shown[row] ?? "";
      // A row is cleared first: at the end of a full row that would take its last character.
      return text === (before[row] ?? "") ? "" : `\x1b[${row + 1};1H\x1b[2K${text}`;
    });
    return `${all}${changed.join("")}`;
  }
}

/** A line as a terminal takes it, cut at the last column. */
function paint(line: Line, columns: number): string {
  let left = columns;
  return line.map(({ text, style }) => {
    const part = fit(text, left);
    left -= columnsOf(part);
    return style === "plain" || part === "" ? part : `${CODES[style]}${part}\x1b[0m`;
  }).join("");
}
