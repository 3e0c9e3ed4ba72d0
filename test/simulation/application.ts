/**
 * The application of a simulated mob: it publishes, disconnects, authorizes and reads messages, as its world demands, and
 * holds what the mob answers against the model.
 *
 * @module
 */

import { equalBytes } from "../../src/bytes.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { MobStats } from "../../src/status/stats.ts";
import { formatToken, type Token } from "../../src/contract/token.ts";
import { goneToken } from "./actions.ts";
import type { ApplicationSettings } from "./application_settings.ts";
import { Authorizer } from "./authorizer.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import { frameOf } from "./client.ts";
import { Author } from "./image.ts";
import type { Simulation } from "./simulation.ts";

/** Its number as an author: its frames differ from those of clients, and some hold what no line can carry. */
const NUMBER = 2001;

/** The most frames that it publishes at once. */
const BURST = 200;

/** What the next hook of a kind does. */
export interface Command {
  /** Which hook; a kind that its world does not have stands for all. */
  readonly on: "onMessage" | "authorize" | "event";
  readonly who: number;
  readonly size: number;
  readonly how: number;
}

/** The hooks of one kind each. */
export type HookName = "onMessage" | "authorize" | "onJoin" | "onLeave";

/** The application of one world. */
export class Application {
  /** What it publishes. */
  readonly author: Author;
  /** What decides which connections may join. */
  readonly authorizer: Authorizer;
  /** Connections that it has disconnected, with the text that it gave. */
  readonly asked: Map<Token, string | undefined> = new Map();
  /** Whether a tick is at work on connections and has called the application. */
  working = false;
  /** The connection whose message it was called with last. */
  #sender: Token | undefined;
  /** Bytes that it published and that no tick has written yet. */
  unflushed = 0;
  /** What the next hook does. */
  command: Command | undefined;
  readonly #simulation: Simulation;
  /** One message of about so many is withheld; 0: it reads none. */
  readonly #withholds: number;
  /** What was withheld, as far as is known. */
  readonly #withheld: { frames: number; bytes: number } = { frames: 0, bytes: 0 };
  /** What may have been withheld without a word, from connections that it had disconnected. */
  readonly #silent: { frames: number; bytes: number } = { frames: 0, bytes: 0 };
  #publishedInTick = 0;
  /** From when on a closing mob may drop what waits. */
  #dropsAt = Infinity;
  /** Whether it was closed so that all was dropped at once. */
  #hasDropped = false;

  constructor(simulation: Simulation, settings: ApplicationSettings) {
    this.#simulation = simulation;
    this.#withholds = settings.withholds;
    this.authorizer = new Authorizer(simulation, settings.answers);
    this.author = new Author(simulation.settings.options.framing ?? "u64");
  }

  /** Whether it has a hook that reads messages. */
  get reads(): boolean {
    return this.#withholds > 0;
  }

  /** The hooks that it has besides those of joining and leaving. */
  get hooks(): MobHooks {
    return {
      ...(this.authorizer.isAsked && { authorize: (info) => this.authorizer.ask(info) as boolean }),
      ...(this.reads && { onMessage: (message, from) => this.#read(message, from.token) as boolean }),
    };
  }

  /** Bytes that it has published and that wait. */
  get #waiting(): number {
    const { sent, published } = this.author;
    let sum = 0;
    for (let index = published; index < sent.length; index++) sum += sent[index]!.length;
    return sum;
  }

  get #mayHaveDropped(): boolean {
    return this.#simulation.now >= this.#dropsAt;
  }

  // --- publishing ---

  /** It publishes frames: one, some, or more than a tick may carry. */
  publish(size: number, how: number): void {
    const { options: { maxFrame, maxLag }, marks } = this.#simulation;
    const payload = Math.min(size, maxFrame);
    const some = how < 3 ? 1 + how * how : Math.ceil(maxLag / 2 / (payload + 1));
    for (let count = Math.min(some, BURST); count > 0; count--) this.#publishOne(payload);
    const { bufferedAmount } = this.#simulation.mob.stats();
    if (bufferedAmount > 0) marks.reach("published more than a tick carries");
    this.#checkBuffered(bufferedAmount);
  }

  #publishOne(size: number): void {
    const simulation = this.#simulation;
    const { author } = this;
    const { closing } = simulation;
    const index = author.sent.length;
    const frame = frameOf(author.framing.name, NUMBER, index, size, simulation.newlinesOf(NUMBER));
    if (!closing) author.say(frame, false);
    const payload = author.payloadOf(frame).slice();
    let isPublished: boolean | undefined;
    try {
      isPublished = simulation.mob.publish(payload);
    } catch {
      // Only a closed mob takes nothing.
    }
    // What was taken is the mob's own copy.
    payload.fill(0);
    const due = closing ? undefined : author.published === index + 1;
    if (isPublished === due) return;
    simulation.violate("published once, in order", `publish() returned ${isPublished}, not ${due}`);
  }

  /** The core published frames of it. */
  published(bytes: number, connections: number): void {
    const simulation = this.#simulation;
    const { marks, options: { maxLag } } = simulation;
    marks.reach("published by the application");
    if (connections === 0) marks.reach("published to no connection");
    if (this.#hasDropped) simulation.violate("ends", "the mob has dropped all, and publishes");
    if (!simulation.drains) simulation.checker.reading(undefined);
    if (this.working) marks.reach("published from onMessage");
    else if (!simulation.inTick || simulation.hooks.isCalling) this.unflushed += bytes;
    // A tick carries an eighth of maxLag, give or take a frame.
    if (this.#publishedInTick >= Math.max(1, Math.floor(maxLag / 4)) / 2 && !simulation.drains) {
      simulation.violate("limits", `${this.#publishedInTick} bytes of the application are published in one tick`);
    }
    this.#publishedInTick += bytes;
  }

  // --- disconnecting ---

  /** It disconnects a connection: with a text, or one that is gone, or a member. */
  disconnectOne(who: number, how: number): void {
    const { inside, members } = this.#simulation;
    const tokens = [...inside.keys()];
    const member = members[who % Math.max(1, members.length)];
    const token = how === 2 ? undefined : how === 3 ? member?.token : tokens[who % Math.max(1, tokens.length)];
    this.disconnect(token ?? goneToken(this.#simulation, who), how === 1 ? `text ${who}` : undefined);
  }

  /** It disconnects a connection, and looks at what comes of it. */
  disconnect(token: Token, text: string | undefined): void {
    const simulation = this.#simulation;
    const { inside, members, marks, mob, hooks } = simulation;
    const socket = inside.get(token);
    const member = members.find((each) => each.token === token);
    const isMember = member !== undefined;
    if (socket === undefined && !isMember) marks.reach("disconnect of a connection that is gone");
    // The first text stays, also when a connection that leaves is disconnected once more.
    else if (!this.asked.has(token)) this.asked.set(token, text);
    if (socket?.unauthenticated) marks.reach("disconnected before it joined");
    else if (socket !== undefined && socket.lag > 0) marks.reach("disconnected while behind");
    if (hooks.isCalling) marks.reach("disconnected from a hook");
    if (socket !== undefined && this.working && token !== this.#sender) {
      marks.reach("another disconnected from onMessage");
    }
    // How much of it has come, only the mob knows.
    if (member !== undefined && this.working) this.#mayWithhold(member.author, member.author.sent.length);
    const found = mob.disconnect(token, text);
    // When exactly a member has gone, only the mob knows.
    if (!isMember && found !== (socket !== undefined)) {
      simulation.violate("ends", `disconnect() of ${formatToken(token)} returned ${found}`);
    }
    if (socket === undefined || this.working || socket.closed || socket.web?.leaving !== undefined) return;
    simulation.violate("ends", `${simulation.nameOf(socket)} is disconnected, and stays`);
  }

  /** A connection that it had disconnected is gone: what came from it at last may be withheld without a word. */
  disconnected({ client: { author }, bytesRead }: CheckedSocket): void {
    if (!this.reads) return;
    const whole = author.wholeWithin(Math.min(bytesRead, author.poisonedAt));
    if (whole <= author.published) return;
    this.#simulation.marks.reach("withheld behind a disconnect");
    this.#mayWithhold(author, whole);
  }

  #mayWithhold({ sent, published }: Author, until: number): void {
    if (!this.reads) return;
    for (let index = published; index < until; index++) {
      this.#silent.frames++;
      this.#silent.bytes += sent[index]!.length;
    }
  }

  // --- messages ---

  #read(message: Uint8Array, token: Token): unknown {
    const simulation = this.#simulation;
    const { marks } = simulation;
    const author = simulation.observer.authorOf(token);
    const frame = author?.sent[author.published];
    if (author === undefined || frame === undefined || !equalBytes(author.payloadOf(frame), message)) {
      simulation.violate("published once, in order", `onMessage gets from ${formatToken(token)} what it has not sent`);
      return false;
    }
    if (this.asked.has(token)) {
      simulation.violate("published once, in order", `onMessage gets a message of ${formatToken(token)}, which is out`);
    }
    const withholds = (message[0]! + message.length) % this.#withholds === 0;
    // The bytes are a copy.
    message.fill(0);
    let isAllowed = false;
    this.working = true;
    this.#sender = token;
    try {
      const answer = simulation.hooks.called("onMessage", token);
      isAllowed = answer === undefined && !withholds && !this.asked.has(token);
      return answer ?? (withholds ? false : simulation.now % 2 === 0 ? true : undefined);
    } finally {
      this.working = false;
      if (isAllowed) author.allowed = author.published + 1;
      else this.#withhold(author, frame.length);
      if (!isAllowed) marks.reach(withholds ? "withheld" : "withheld by a failure or a disconnect");
    }
  }

  /** Why frames may not be published; `undefined`: they may. */
  refuses(token: Token | undefined, author: Author, count: number): string | undefined {
    if (token === undefined || !this.reads && !this.asked.has(token)) return undefined;
    if (this.asked.has(token)) return `published from ${formatToken(token)}, which the application has disconnected`;
    if (author.published + count <= author.allowed) return undefined;
    return `published from ${formatToken(token)} what onMessage has not allowed`;
  }

  #withhold(author: Author, bytes: number): void {
    author.published++;
    author.withheld++;
    this.#withheld.frames++;
    this.#withheld.bytes += bytes;
    this.#simulation.trace.note("withheld", bytes);
  }

  // --- hooks ---

  /** Does what the next hook of this kind is to do. What it returns is a failure. */
  commanded(name: HookName, token: Token): unknown {
    const { command } = this;
    if (command === undefined || !this.#isFor(command, name)) return undefined;
    this.command = undefined;
    const simulation = this.#simulation;
    const { hooks, marks } = simulation;
    const { who, size, how } = command;
    if (how < 2) marks.reach("published from a hook");
    if (how < 2) return void this.publish(size, how * 3);
    if (how === 2 && name === "onMessage") marks.reach("sender disconnected from onMessage");
    if (how === 2) return void this.disconnect(token, `from ${name}`);
    if (how < 5) return void this.disconnectOne(who, how === 3 ? 1 : 2);
    if (how === 7) return hooks.fail(name);
    if (how === 8) {
      hooks.failures++;
      return Promise.reject(new Error("the simulated hook rejects"));
    }
    // The rarest, as in meddling.
    if (simulation.now % 3 !== 0) return undefined;
    if (name === "onMessage") marks.reach("closed from onMessage");
    simulation.close(how === 5 ? undefined : 0);
    return undefined;
  }

  #isFor({ on }: Command, name: HookName): boolean {
    if (on === "onMessage" && this.reads || on === "authorize" && this.authorizer.isAsked) return name === on;
    return on !== "event" || name === "onJoin" || name === "onLeave";
  }

  /** The mob is being closed. */
  closes(drain: number | undefined): void {
    const { now, options, settings } = this.#simulation;
    if (drain === 0 && !this.working) this.#hasDropped = true;
    if (this.#mayHaveDropped) return;
    this.#dropsAt = now + (drain ?? options.drainTimeout) + Math.min(0, settings.timerSlack);
    if (drain !== 0 && this.#waiting > 0) this.#simulation.marks.reach("closed while something waited");
  }

  // --- checks ---

  /** A tick begins. Returns the bytes that it has to write. */
  beforeTick(): number {
    const { unflushed } = this;
    this.unflushed = this.#publishedInTick = 0;
    return unflushed;
  }

  /** A tick has ended. `holds`: one connection may hold all others. */
  afterTick(holds: boolean): void {
    const simulation = this.#simulation;
    const { tickDue, drains, inside, marks, options } = simulation;
    if (this.unflushed > 0 && !tickDue) simulation.violate("will go on", "what a hook published is not written");
    for (const token of this.asked.keys()) {
      const socket = inside.get(token);
      if (socket === undefined || socket.web?.leaving !== undefined) continue;
      simulation.violate("ends", `${simulation.nameOf(socket)} is disconnected, and stays`);
    }
    if (this.author.published === this.author.sent.length || this.#mayHaveDropped) return;
    if (drains) simulation.violate("ends", "the mob closes, and has not published what publish() took");
    if (holds && options.slowConsumer === "block") marks.reach("what was published waits under block");
    else if (!tickDue) simulation.violate("will go on", "what publish() took waits for nothing");
  }

  /** Checks what the mob counts of it. */
  check({ bufferedAmount, withheld }: MobStats): void {
    this.#checkBuffered(bufferedAmount);
    for (const unit of ["frames", "bytes"] as const) {
      const [least, most] = [this.#withheld[unit], this.#withheld[unit] + this.#silent[unit]];
      if (withheld[unit] < least || withheld[unit] > most) {
        this.#simulation.violate("accounts", `${withheld[unit]} ${unit} are withheld, not ${least} to ${most}`);
      }
      this.#withheld[unit] = withheld[unit];
      this.#silent[unit] = 0;
    }
  }

  #checkBuffered(bufferedAmount: number): void {
    const due = this.#hasDropped || this.#mayHaveDropped && bufferedAmount === 0 ? 0 : this.#waiting;
    if (bufferedAmount === due) return;
    this.#simulation.violate("accounts", `bufferedAmount is ${bufferedAmount}, not ${due}`);
  }
}
