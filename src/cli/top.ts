/**
 * The command `top`.
 *
 * @module
 */

import type { ConnectionSort } from "../status/stats.ts";
import { FullScreen, plainText } from "./full_screen.ts";
import { type Key, keysOf } from "./keys.ts";
import { onAny, oneLine, type Session, unlessStopped } from "./session.ts";
import { SORT_KEYS, SORT_WORDS, sortAfter, type SortWord } from "./sorts.ts";
import { openStatus, type StatusFlags } from "./status_flags.ts";
import { parseStatusUrl } from "./status_url.ts";
import { type Change, type Seen, StatusWatch, type Wanted } from "./status_watch.ts";
import type { Terminal } from "./terminal.ts";
import { viewOf } from "./top_view.ts";

/** The options of `top`. */
export interface TopFlags extends StatusFlags {
  /** Which connections come first. */
  readonly sort: SortWord;
  /** After how many looks it ends. */
  readonly count?: number;
  /** After how many milliseconds it ends. */
  readonly for?: number;
}

/** Shows how a server is until it is stopped: on a terminal as a live table, otherwise as text. */
export async function runTop(session: Session, url: string, flags: TopFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const { stdout } = terminal;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  onAny([stop, drop, stdout.broken], end);
  const cancel = flags.for === undefined ? undefined : terminal.after(flags.for, end);
  const client = await openStatus(session, url, flags, ending.signal);
  const top = stdout.isTerminal ? new LiveTable(terminal, url, flags, end) : new Text(terminal, url, flags, end);
  const watch = new StatusWatch(client, terminal, ending.signal, () => top.wanted, (change) => top.update(change));
  top.watch = watch;
  // An internal error ends the command from outside, and its message needs the screen of before.
  onAny([drop], () => top.close());
  try {
    await watch.run();
  } finally {
    cancel?.();
    top.close();
    await unlessStopped(stdout.flush(), drop);
  }
  return 0;
}

/** What both forms have. */
abstract class Top {
  /** What is followed. */
  watch!: StatusWatch;
  protected readonly terminal: Terminal;
  protected readonly url: string;
  protected readonly end: () => void;
  /** How many looks are left. */
  #left: number;

  constructor(terminal: Terminal, url: string, flags: TopFlags, end: () => void) {
    this.terminal = terminal;
    this.url = parseStatusUrl(url).text;
    this.end = end;
    this.#left = flags.count ?? Infinity;
  }

  /** Which connections are asked for. */
  abstract get wanted(): Wanted;

  /** There is something new. */
  abstract update(change: Change): void;

  /** Gives back what was taken. */
  abstract close(): void;

  /** Counts a look that was shown, and ends after the last. */
  protected count(): void {
    if (--this.#left <= 0) this.end();
  }
}

// --- on a terminal ---

/** How often the time without a connection is drawn, in milliseconds. */
const SECOND = 1000;

/** A live table. */
class LiveTable extends Top {
  readonly #keys: (text: string) => void = keysOf((key) => this.#press(key));
  #screen: FullScreen | undefined;
  /** What gives back the keyboard, and what else was taken. */
  #undo: (() => void)[] = [];
  #sort: ConnectionSort;
  #offset = 0;
  /** How many connections the screen has room for. */
  #listed = 20;
  /** What stands still on the screen; `undefined`: nothing does. */
  #frozen: Seen | undefined;
  #cancelTick: () => void = () => {};
  #isClosed = false;

  constructor(terminal: Terminal, url: string, flags: TopFlags, end: () => void) {
    super(terminal, url, flags, end);
    this.#sort = SORT_WORDS[flags.sort];
  }

  get wanted(): Wanted {
    return { sort: this.#sort, limit: Math.max(1, this.#listed), offset: this.#offset };
  }

  update(change: Change): void {
    if (this.#isClosed) return;
    if (this.#screen === undefined) this.#open();
    const { seen } = this.watch;
    if (this.#frozen !== undefined && seen !== undefined && change === "list") {
      this.#frozen = { ...this.#frozen, connections: seen.connections, total: seen.total };
    }
    this.#draw();
    if (change === "report" && this.#frozen === undefined) this.count();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTick();
    for (const undo of this.#undo) undo();
    this.#screen?.close();
  }

  /** Takes the screen and the keyboard: only now that there is something to show. */
  #open(): void {
    const { terminal } = this;
    this.#screen = new FullScreen(terminal.stdout);
    this.#undo.push(terminal.onResize(() => {
      this.#screen!.forget();
      this.#draw();
    }));
    if (!terminal.stdin.isTerminal) return;
    void terminal.readKeys(this.#keys).then((release) => {
      if (this.#isClosed) release();
      else this.#undo.push(release);
    });
  }

  #draw(): void {
    const seen = this.#frozen ?? this.watch.seen;
    if (seen === undefined || this.#isClosed) return;
    const { terminal } = this;
    const { stdout, stdin } = terminal;
    const { lost } = this.watch;
    const { lines, listed } = viewOf(seen, {
      url: this.url,
      sort: this.#sort,
      offset: this.#offset,
      isPaused: this.#frozen !== undefined,
      lost: lost && { reason: lost.reason, lasted: terminal.now() - lost.since },
      columns: stdout.columns ?? 80,
      rows: stdout.rows ?? 24,
      hasKeys: stdin.isTerminal,
    });
    const isMore = listed > this.#listed;
    this.#listed = listed;
    this.#screen!.draw(lines);
    if (isMore) void this.watch.refresh();
    this.#cancelTick();
    if (lost !== undefined) this.#cancelTick = terminal.after(SECOND, () => this.#draw());
  }

  #press(key: Key): void {
    const sort = key === "s" ? sortAfter(this.#sort) : SORT_KEYS[key];
    if (sort !== undefined) {
      this.#sort = sort;
      return this.#scroll(0);
    }
    const page = Math.max(1, this.#listed - 1);
    switch (key) {
      case "q":
      case "Q":
      case "\x03":
        return this.end();
      case "p":
      case " ":
        this.#frozen = this.#frozen === undefined ? this.watch.seen : undefined;
        return this.#draw();
      case "\x0c":
        this.#screen?.forget();
        return this.#draw();
      case "up":
        return this.#scroll(this.#offset - 1);
      case "down":
        return this.#scroll(this.#offset + 1);
      case "page-up":
        return this.#scroll(this.#offset - page);
      case "page-down":
        return this.#scroll(this.#offset + page);
      case "home":
        return this.#scroll(0);
      case "end":
        return this.#scroll(Infinity);
    }
  }

  #scroll(offset: number): void {
    const last = Math.max(0, (this.watch.seen?.total ?? 0) - this.#listed);
    this.#offset = Math.max(0, Math.min(offset, last));
    // The choice shows at once, and the connections as soon as they come.
    this.#draw();
    void this.watch.refresh();
  }
}

// --- as text ---

/** The size of a look as text: what of it is empty is left out. */
const [COLUMNS, ROWS] = [100, 26];

/** A look a second, as text. */
class Text extends Top {
  readonly #sort: ConnectionSort;
  #isFirst = true;
  #isLost = false;
  #printed = 0;

  constructor(terminal: Terminal, url: string, flags: TopFlags, end: () => void) {
    super(terminal, url, flags, end);
    this.#sort = SORT_WORDS[flags.sort];
  }

  get wanted(): Wanted {
    return { sort: this.#sort, limit: ROWS, offset: 0 };
  }

  update(change: Change): void {
    const { lost } = this.watch;
    if ((lost !== undefined) !== this.#isLost) {
      this.#isLost = lost !== undefined;
      const text = lost === undefined
        ? `connected to ${this.url} again`
        : `no connection to ${this.url}, trying again: ${lost.reason}`;
      void this.terminal.stderr.write(`mobcast: ${oneLine(text)}\n`);
    }
    if (change !== "report") return;
    // The first look has no rates: that is what it is compared with.
    if (!this.#isFirst) this.#print();
    this.#isFirst = false;
  }

  close(): void {
    if (this.#printed === 0) this.#print();
  }

  #print(): void {
    const { seen } = this.watch;
    if (seen === undefined) return;
    this.#printed++;
    const { url, terminal } = this;
    const view = { url, sort: this.#sort, offset: 0, isPaused: false, lost: undefined, hasKeys: false };
    const { lines } = viewOf(seen, { ...view, columns: COLUMNS, rows: ROWS });
    void terminal.stdout.write(`${terminal.date()}\n${lines.map((line) => `${plainText(line)}\n`).join("")}\n`);
    this.count();
  }
}
