/**
 * Columns: how much room text takes on a terminal, and text that fits into so much.
 *
 * @module
 */

/** Characters that take two columns: those of East Asia, and emoji (Unicode, UAX 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Characters that take none: they are drawn over the one before. */
const NARROW = /\p{M}|\p{Cf}/u;

/** Text of one column for each character, as nearly all is. */
const SIMPLE = /^[\x20-\x7e]*$/;

/** How many columns text takes that has no control characters. */
export function columnsOf(text: string): number {
  if (SIMPLE.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

function columnsOfOne(character: string): number {
  return NARROW.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** The text, or as much of it as fits into so many columns: what is left out is an ellipsis, at the end or at the start. */
export function fit(text: string, columns: number, from: "start" | "end" = "start"): string {
  if (columnsOf(text) <= columns) return text;
  if (columns <= 0) return "";
  const characters = [...text];
  if (from === "end") characters.reverse();
  let left = columns - 1;
  const kept: string[] = [];
  for (const character of characters) {
    left -= columnsOfOne(character);
    if (left < 0) break;
    kept.push(character);
  }
  return from === "end" ? `…${kept.reverse().join("")}` : `${kept.join("")}…`;
}

/** Text of exactly so many columns, cut or padded at the end or, for numbers, at the start. */
export function cell(text: string, columns: number, align: "left" | "right" = "left"): string {
  const fitting = fit(text, columns);
  const room = " ".repeat(Math.max(0, columns - columnsOf(fitting)));
  return align === "left" ? `${fitting}${room}` : `${room}${fitting}`;
}

/** Text in lines of so many columns, broken between words. The last of `most` lines has what fits. */
export function wrap(text: string, columns: number, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || lines.length === most - 1 || columnsOf(longer) <= columns) {
      line = longer;
    } else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  return lines.map((each) => fit(each, columns));
}
