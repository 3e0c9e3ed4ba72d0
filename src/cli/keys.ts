/**
 * Keys: what a terminal sends when one is pressed.
 *
 * @module
 */

/** The keys that are more than one character, by what follows the escape character; terminals differ. */
const NAMED: Readonly<Record<string, Key>> = {
  "[A": "up",
  "OA": "up",
  "[B": "down",
  "OB": "down",
  "[5~": "page-up",
  "[6~": "page-down",
  "[H": "home",
  "OH": "home",
  "[1~": "home",
  "[7~": "home",
  "[F": "end",
  "OF": "end",
  "[4~": "end",
  "[8~": "end",
};

/** A key: a character, or the name of one that has none. */
export type Key = string;

/** What may follow the escape character, as far as it goes: a sequence of CSI or of SS3 (ECMA-48). */
const SEQUENCE = /^(?:\[[0-?]*[ -/]*[@-~]?|O[@-~]?)/;
const WHOLE = /^(?:\[[0-?]*[ -/]*[@-~]|O[@-~])$/;

/** Returns a function that takes what was typed, in parts of any size, and calls `press` for each key. */
export function keysOf(press: (key: Key) => void): (text: string) => void {
  /** What follows an escape character; `undefined`: there was none. */
  let sequence: string | undefined;
  const take = (character: string): void => {
    if (character === "\x1b") {
      // The key Escape alone means nothing here.
      sequence = "";
    } else if (sequence === undefined) {
      press(character);
    } else {
      const longer = sequence + character;
      const fits = SEQUENCE.exec(longer)?.[0] === longer;
      sequence = fits && !WHOLE.test(longer) ? longer : undefined;
      if (fits && sequence === undefined && NAMED[longer] !== undefined) press(NAMED[longer]);
      if (!fits) press(character);
    }
  };
  return (text) => {
    for (const character of text) take(character);
  };
}
