/** A terminal's screen: what a person sees after everything that was written to it. */

// deno-lint-ignore no-control-regex -- control sequences are what it is about
const SEQUENCE = /\x1b\[(\d*)([A-Za-z])|([^\x1b])/gu;

/** The lines on a screen of so many columns, from the first to the last that is not empty. */
export function screenOf(written: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  const move = (to: number): void => {
    row = Math.max(0, to);
    while (rows.length <= row) rows.push([]);
  };
  const put = (character: string): void => {
    // As on a terminal, the cursor waits in the last column until there is more.
    if (column === columns) {
      move(row + 1);
      column = 0;
    }
    const line = rows[row]!;
    while (line.length < column) line.push(" ");
    line[column++] = character;
  };
  for (const [all, digits, command, character] of written.matchAll(SEQUENCE)) {
    const count = Number(digits || 1);
    if (character === "\n") {
      // The terminal's driver adds the carriage return.
      move(row + 1);
      column = 0;
    } else if (character === "\r") column = 0;
    else if (character !== undefined) put(character);
    else if (command === "A") move(row - count);
    else if (command === "B") move(row + count);
    else if (command === "C") column = Math.min(columns - 1, column + count);
    else if (command === "D") column = Math.max(0, Math.min(columns - 1, column) - count);
    else if (command === "G") column = count - 1;
    else if (command === "K" || command === "J") {
      rows[row]!.length = Math.min(rows[row]!.length, column);
      if (command === "J") rows.length = row + 1;
    } else throw new Error(`Cannot show ${JSON.stringify(all)}`);
  }
  const lines = rows.map((line) => line.join("").trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
