/**
 * The line editor, on `node:readline`: the same on Node, Bun and Deno, where it needs no permission.
 *
 * @module
 */

import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { EditorEvents, LineEditor, Output } from "../../src/cli/terminal.ts";

/** How many lines it remembers. */
const HISTORY = 1000;

/** The output as a stream, which is what readline writes to. */
class Screen extends Writable {
  readonly #output: Output;

  constructor(output: Output) {
    super({ decodeStrings: false });
    this.#output = output;
  }

  get columns(): number {
    return this.#output.columns ?? 80;
  }

  override _write(text: string | Uint8Array, _encoding: string, done: () => void): void {
    void this.#output.write(text);
    done();
  }
}

/** What readline uses of a terminal's input. */
type Keyboard = Readable & { setRawMode?(isRaw: boolean): unknown };

/**
 * The input, one character a chunk. Several at once are a paste for readline, which Node appends to the end of the line
 * wherever the cursor is.
 */
class Keys extends Readable {
  readonly #input: Keyboard;
  readonly #decoder: StringDecoder = new StringDecoder("utf8");
  readonly #take = (chunk: Uint8Array): void => {
    for (const character of this.#decoder.write(chunk)) this.push(character);
  };
  readonly #end = (): void => void this.push(null);

  constructor(input: Keyboard) {
    super({ objectMode: true });
    this.#input = input;
    input.on("data", this.#take).on("end", this.#end);
  }

  setRawMode(isRaw: boolean): void {
    this.#input.setRawMode?.(isRaw);
  }

  /** Leaves the input alone. */
  release(): void {
    this.#input.off("data", this.#take).off("end", this.#end).pause();
  }

  override _read(): void {}
}

/** Opens an editor. `onResize` registers a function to be called when the terminal's size changes. */
export function openLineEditor(
  input: Keyboard,
  output: Output,
  prompt: string,
  events: EditorEvents,
  onResize: (handler: () => void) => () => void = () => () => {},
): LineEditor {
  const screen = new Screen(output);
  const keys = new Keys(input);
  const editor: Interface & { prevRows?: number } = createInterface({
    input: keys,
    output: screen,
    terminal: true,
    prompt,
    historySize: HISTORY,
    // An arrow key may come in two parts on a slow line, but an escape key alone means nothing here.
    escapeCodeTimeout: 50,
  });
  const ignoreResize = onResize(() => void screen.emit("resize"));
  let isOver = false;
  const clear = (): void => {
    moveCursor(screen, 0, -editor.getCursorPos().rows);
    cursorTo(screen, 0);
    clearScreenDown(screen);
  };
  const close = (): void => {
    if (isOver) return;
    isOver = true;
    ignoreResize();
    clear();
    editor.close();
    keys.release();
  };
  editor.on("line", (line) => {
    if (isOver) return;
    events.line(line);
    editor.prompt();
  });
  // Without a listener readline pauses the input.
  editor.on("SIGINT", () => editor.close());
  editor.on("close", () => {
    if (isOver) return;
    close();
    events.left();
  });
  editor.prompt();
  return {
    print(text) {
      if (isOver) return output.write(text);
      clear();
      screen.write(text);
      // What readline drew is gone, and the cursor is in the first row of what it draws now.
      editor.prevRows = 0;
      editor.prompt(true);
      return output.write("");
    },
    close,
  };
}
