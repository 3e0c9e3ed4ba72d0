/**
 * Clients of mobs on a bus: each says numbered frames, and looks at every frame that it receives.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../mod.ts";
import { bytesOf, textOf } from "./bytes.ts";
import { Bell } from "./wait.ts";

/** Rings for all clients. */
const bell: Bell = new Bell();

/** A client. */
export class RoomClient implements AsyncDisposable {
  /** What it has received: who has said it, and which of its frames it is. */
  readonly heard: string[] = [];
  readonly name: string;
  /** Resolves with the code of the error, if any, when its connection has ended. */
  readonly ended: Promise<string | undefined>;
  readonly #client: Awaited<ReturnType<typeof connect>>;
  /** How many frames it has sent. */
  said = 0;

  private constructor(name: string, client: Awaited<ReturnType<typeof connect>>) {
    this.name = name;
    this.#client = client;
    this.ended = this.#read();
  }

  /** Connects, and waits until it hears itself. */
  static async join(url: string, name: string): Promise<RoomClient> {
    const client = new RoomClient(name, await connect(url));
    await client.say(1);
    await client.until(() => client.heard.includes(`${name}.1`), "its own first frame");
    return client;
  }

  /** Sends so many frames, all of one size. */
  async say(count: number, size = 40): Promise<void> {
    for (; count > 0; count--) {
      const head = `${this.name}.${++this.said} ${size} `;
      await this.#client.send(bytesOf(head.padEnd(size, "x")));
    }
  }

  async #read(): Promise<string | undefined> {
    const last = new Map<string, number>();
    try {
      for await (const message of this.#client) {
        const [frame, size] = textOf(message.subarray(0, 40)).split(" ");
        assertEquals(message.length, Number(size));
        assert(message.subarray(40).every((byte) => byte === 0x78));
        const [who, number] = frame!.split(".");
        // Each once, and in order.
        const before = last.get(who!);
        assert(before === undefined || Number(number) === before + 1, `${frame} after ${before} at ${this.name}`);
        last.set(who!, Number(number));
        this.heard.push(frame!);
        bell.ring();
      }
      return undefined;
    } catch (error) {
      if ((error as Error).name === "AssertionError") throw error;
      return (error as { code?: string }).code ?? String(error);
    } finally {
      bell.ring();
    }
  }

  /** What it has received since a frame, without that. */
  since(frame: string): string[] {
    return this.heard.slice(this.heard.indexOf(frame) + 1);
  }

  /** Waits until a condition holds. */
  until(condition: () => boolean, what: string): Promise<void> {
    return bell.until(condition, () => `${what} at ${this.name}, which has ${this.heard.length}`, 30_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close().catch(() => {});
    await this.ended;
  }
}

/**
 * Waits until all have received the last frame of each, and checks that from a frame on all have the same, in one order.
 * Returns that.
 */
export async function sameForClients(clients: readonly RoomClient[]): Promise<string[]> {
  for (const client of clients) await client.say(1);
  // Not the first that it has received: its mob may still have had to publish a frame of those who came before.
  const from = `${clients.at(-1)!.name}.1`;
  const most = (): number => Math.max(...clients.map((client) => client.since(from).length));
  for (const { name } of clients) {
    for (const client of clients) {
      const own = clients.find((other) => other.name === name)!;
      await client.until(() => client.heard.includes(`${name}.${own.said}`), `the last frame of ${name}`);
    }
  }
  for (const client of clients) await client.until(() => client.since(from).length === most(), "all frames");
  const first = clients[0]!.since(from);
  for (const client of clients) assertEquals(client.since(from), first);
  return first;
}
