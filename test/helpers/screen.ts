/** A terminal's screen: what a person sees after everything that was written to it. */

/** Control sequences: private modes, and those that move, clear and style; or a character. */
// deno-lint-ignore no-control-regex -- control sequences are what it is about
const SEQUENCE = /\x1b\[(?<mode>\?\d+)?(?<digits>[\d;]*)(?<command>[A-Za-z])|(?<character>[^\x1b])/gu;

/** The lines on a screen of so many columns, from the first to the last that is not empty. */
export function screenOf(written: string, columns: number): string[] {
  let rows: string[][] = [[]];
  /** The screen of before, while there is another. */
  let before: string[][] | undefined;
  let row = 0;
  let column = 0;
  let wraps = true;
  const move = (to: number): void => {
    row = Math.max(0, to);
    while (rows.length <= row) rows.push([]);
  };
  const put = (character: string): void => {
    // As on a terminal, the cursor waits in the last column until there is more.
    if (column === columns && wraps) {
      move(row + 1);
      column = 0;
    }
    const line = rows[row]!;
    while (line.length < column) line.push(" ");
    line[Math.min(column, columns - 1)] = character;
    column = Math.min(columns, column + 1);
  };
  const setMode = (mode: string, isOn: boolean): void => {
    if (mode === "?7") wraps = isOn;
    if (mode !== "?1049") return;
    if (isOn) [before, rows] = [rows, [[]]];
    else rows = before ?? rows;
    move(0);
  };
  const act = (command: string, digits: string): boolean => {
    const count = Number(digits.split(";")[0] || 1);
    if (command === "A") move(row - count);
    else if (command === "B") move(row + count);
    else if (command === "C") column = Math.min(columns - 1, column + count);
    else if (command === "D") column = Math.max(0, Math.min(columns - 1, column) - count);
    else if (command === "G") column = count - 1;
    else if (command === "H") {
      move(count - 1);
      column = Number(digits.split(";")[1] ?? 1) - 1;
    } else if (command === "J" && digits === "2") rows = rows.map(() => []);
    else if (command === "K" && digits === "2") rows[row] = [];
    else if (command === "K" || command === "J") {
      rows[row]!.length = Math.min(rows[row]!.length, column);
      if (command === "J") rows.length = row + 1;
    } else return command === "m";
    return true;
  };
  for (const { 0: all, groups } of written.matchAll(SEQUENCE)) {
    const { mode, digits = "", command, character } = groups!;
    if (character === "\n") {
      // The terminal's driver adds the carriage return.
      move(row + 1);
      column = 0;
    } else if (character === "\r") column = 0;
    else if (character !== undefined) put(character);
    else if (mode !== undefined) setMode(mode, command === "h");
    else if (!act(command!, digits)) throw new Error(`Cannot show ${JSON.stringify(all)}`);
  }
  const lines = rows.map((line) => line.join("").trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
