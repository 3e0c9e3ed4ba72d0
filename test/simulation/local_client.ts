/**
 * A member: the application itself, joined without a socket.
 *
 * @module
 */

import type { Client } from "../../src/client/client.ts";
import type { Token } from "../../src/contract/token.ts";
import { frameOf, type Newlines } from "./client.ts";
import { Author, type Image } from "./image.ts";
import type { Simulation } from "./simulation.ts";

/** Members count from here, so that their frames differ from those of clients. */
const FIRST = 1000;

/** A joined member, which receives all the time. */
export class LocalClient {
  readonly token: Token;
  readonly author: Author;
  /** Whether it is still in. */
  inside = true;
  /** It is leaving. */
  leaving = false;
  /** Its connection broke: what it receives may end early. */
  broken = false;
  readonly #number: number;
  readonly #newlines: Newlines;
  readonly #client: Client;
  readonly #image: Image;
  /** How many frames had been published where its stream begins, or after the last one that it received. */
  #next: number;
  #wrong: string | undefined;

  /** A member that sends and receives in the framing of `image`. */
  constructor(index: number, token: Token, client: Client, image: Image, newlines: Newlines, history: number) {
    this.#number = FIRST + index;
    this.token = token;
    this.#client = client;
    this.#image = image;
    this.author = new Author(image.framing.name);
    this.#newlines = newlines;
    this.#next = image.beginning(history).frame;
    void this.#receive();
  }

  /** What it received that it must not, if anything. */
  get wrong(): string | undefined {
    return this.#wrong;
  }

  /** How many frames there are that it has not received. */
  get missing(): number {
    return this.#image.frames - this.#next;
  }

  /** Bytes of memory that the core may hold of what it has sent: twice that, and the rest of a chunk that is worth a copy. */
  get mostHeld(): number {
    const { length, endsAt, published } = this.author;
    return this.inside ? 2 * (length - (endsAt[published - 1] ?? 0)) + 1024 + 4096 : 0;
  }

  /** It sends a frame. */
  say(size: number): void {
    const { framing, sent } = this.author;
    const frame = frameOf(framing.name, this.#number, sent.length, size, this.#newlines);
    this.author.say(frame, false);
    // When it is out it cannot send, and that is no fault.
    void this.#client.send(this.author.payloadOf(frame)).catch(() => {});
  }

  /** It leaves. */
  leave(): void {
    this.leaving = true;
    void this.#client.close();
  }

  async #receive(): Promise<void> {
    try {
      for await (const payload of this.#client) this.#wrong ??= this.#check(payload);
    } catch {
      this.broken = true;
    }
  }

  /** A message is the next frame, or under some options a later one. */
  #check(payload: Uint8Array): string | undefined {
    const first = this.#next;
    while (this.#next < this.#image.frames) {
      const frame = this.#next++;
      if (this.isDeaf(frame)) continue;
      const from = this.#image.starts[frame]! + this.#image.framing.header;
      if (payload.every((byte, index) => byte === this.#image.bytes[from + index])) return undefined;
      if (!this.mayMiss(frame)) return `a member received something else than frame ${frame}`;
    }
    return `a member received what was never sent after frame ${first}`;
  }

  /** Whether it may not receive a frame: set by the world, which knows the policy. */
  mayMiss: (frame: number) => boolean = () => false;
  /** Whether it must not. */
  isDeaf: (frame: number) => boolean = () => false;
}

/** The application joins the mob, if it can: there may be no room, and the mob may be closed. */
export function joinMob(simulation: Simulation): LocalClient | undefined {
  const { mob, members, model, options } = simulation;
  const image = model.images[0]!;
  const before = new Set(mob.connections().map(({ token }) => token));
  let client: Client;
  try {
    client = mob.join();
  } catch {
    return undefined;
  }
  const { token } = mob.connections().find((row) => !before.has(row.token))!;
  const newlines = simulation.newlinesOf(members.length);
  const member = new LocalClient(members.length, token, client, image, newlines, options.history);
  member.isDeaf = (frame) => options.echo === "others" && image.authors[frame] === member.author;
  member.mayMiss = (frame) => options.slowConsumer === "skip" || member.isDeaf(frame);
  return member;
}
