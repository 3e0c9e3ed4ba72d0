/** The stage of the soak: two mobs that stay, one that comes and goes, and clients that receive everything. */

import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import type { connect } from "../../mod.ts";
import type { Mob } from "../../src/server/mob.ts";
import type { Client } from "../../src/client/client.ts";
import type { ReconnectingClient } from "../../src/client/reconnecting_client.ts";
import type { serve } from "../../mod.ts";
import { makeAuthority, type Pair } from "../helpers/certificates.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { Publisher, Subscriber } from "./soak_subscribers.ts";
import { pass } from "./waiting.ts";

/** What unauthenticated have to say at the guarded mob. */
export const SECRET = "the word of the soak";

/** Nothing here takes longer on a busy machine, unless it hangs, in milliseconds. */
export const PATIENCE = 10_000;

/** Waits until it holds, by looking again and again: for much of it there is no event. Rejects with what did not happen. */
export async function comes(holds: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`within ${PATIENCE / 1000} s this did not happen: ${what()}`);
    await pass(10);
  }
}

/** The sources under test: `serve` and `connect` of the copy. */
export interface Library {
  readonly serve: typeof serve;
  readonly connect: typeof connect;
}

/** Frames said in a row. */
const BURST = 20;

/** Takes the library out of the folder with the copy. */
export async function libraryIn(folder: string): Promise<Library> {
  const { serve, connect } = await import(pathToFileURL(join(folder, "mod.ts")).href) as Library;
  return { serve, connect };
}

/** Everything that stays while others come and go. */
export class Stage {
  /** A mob that everybody may join, and one with a secret and a rate; both over tcp, tls and unix. */
  readonly open: Mob;
  readonly guarded: Mob;
  readonly library: Library;
  /** The authority of the certificates, and a certificate for clients: the guarded mob wants one over TLS. */
  readonly ca: string;
  readonly pair: Pair;
  /** Where the Unix sockets are. */
  readonly folder: string;
  /** One signal for all that can be aborted: what waits for it must let go of it. */
  readonly signal: AbortSignal;
  /** The clients that receive everything of the open mob: one over each transport, and one without a socket. */
  readonly subscribers: Subscriber[] = [];
  readonly #publisher: Publisher = new Publisher();
  readonly #peers: Client[] = [];
  readonly #passingOptions: Parameters<typeof serve>[0];
  readonly #signalListeners: Set<unknown> = new Set();
  #passing: Mob | undefined;
  #passingUrl: string | undefined;
  #returning: ReconnectingClient | undefined;
  #returns = 0;

  private constructor(
    library: Library,
    mobs: [Mob, Mob],
    { ca, pair, folder, tls }: { ca: string; pair: Pair; folder: string; tls: Pair },
  ) {
    this.library = library;
    [this.open, this.guarded] = mobs;
    this.ca = ca;
    this.pair = pair;
    this.folder = folder;
    this.signal = this.#countedSignal();
    this.#passingOptions = { tls, signal: this.signal };
  }

  /** Opens everything. */
  static async open(library: Library): Promise<Stage> {
    const authority = await makeAuthority("the authority of the soak");
    const [tls, pair] = await Promise.all([authority.issue(), authority.issue({ usage: "client" })]);
    const ca = authority.cert;
    const folder = mkdtempSync(join(tmpdir(), "mobcast-soak-listeners-"));
    // Long enough for a client that shares a busy processor with everything else here.
    const common = { frameTimeout: 1200, stallTimeout: 1500, maxConnectionsPerAddress: 900 };
    const listeners = (
      name: string,
    ): string[] => ["tcp://127.0.0.1:0", "tls://127.0.0.1:0", `unix://${folder}/${name}`];
    const open = await library.serve({ ...common, tls, listen: listeners("open"), maxLag: 2 ** 20, maxFrame: 2 ** 18 });
    const guarded = await library.serve({
      ...common,
      tls: { ...tls, ca },
      listen: listeners("guarded"),
      secret: SECRET,
      maxFrameRate: 200,
      slowConsumer: "skip",
      echo: "others",
      idleTimeout: 1500,
    });
    const stage = new Stage(library, [open, guarded], { ca, pair, folder, tls });
    await stage.#settle();
    return stage;
  }

  /** How a client of the library is told to connect there. */
  options(url: string): { tls?: Pair & { ca: string; servername: string } } {
    return url.startsWith("tls:") ? { tls: { ...this.pair, ca: this.ca, servername: "localhost" } } : {};
  }

  /** Event listeners on the signal of the stage. */
  get signalListeners(): number {
    return this.#signalListeners.size;
  }

  /** Whether a mob has the connection from this address, or has clients that have not joined. */
  knows(remoteAddress: string): boolean {
    return [this.open, this.guarded].some((mob) => {
      const { unauthenticated, handshakes } = mob.stats();
      return unauthenticated + handshakes > 0 || mob.connections().some((one) => one.remoteAddress === remoteAddress);
    });
  }

  /** What the mobs say that they hold, by name. */
  holdings(): Record<string, number> {
    return Object.fromEntries(
      Object.entries({ open: this.open, guarded: this.guarded }).flatMap(([name, mob]) => {
        const { connections, unauthenticated, handshakes, receiveBytes, logBytes } = mob.stats();
        const held = { connections, unauthenticated, handshakes, receiveBytes, logBytes };
        return Object.entries(held).map(([what, count]) => [`${what} of the ${name} mob`, count]);
      }),
    );
  }

  /** The host of the stage says something that everybody at the open mob receives. */
  async say(count: number): Promise<void> {
    for (let index = 1; index <= count; index++) {
      await this.#peers[0]!.send(this.#publisher.next());
      // The subscribers live in the same process as the mob, and must not lag because it keeps them from reading.
      if (index % BURST === 0 || index === count) await this.#received();
    }
  }

  /** The third mob is closed, and opened again at the same place: its only client comes back by itself. */
  async reopen(): Promise<void> {
    await this.#passing?.close({ drain: 200 });
    this.#passingUrl ??= await freeUrl();
    const listen = [this.#passingUrl, "tls://127.0.0.1:0", `unix://${this.folder}/passing-${this.#returns}`];
    this.#passing = await this.library.serve({ ...this.#passingOptions, listen });
    // With handshakes under the certificates of before a reload, of during it and of after it.
    const come = async (): Promise<void> => {
      const client = await this.library.connect(this.#passing!.urls[1]!, this.options("tls:")) as Client;
      await client.close();
    };
    await Promise.all([come(), this.#passing.reload(), come()]);
    const expected = ++this.#returns;
    this.#returning ??= await this.#comeBackAgain();
    await comes(() => this.#passing!.stats().connections === 1, () => `the client is back, time ${expected}`);
  }

  /** Waits until only the clients that stay are there, and each has received everything. */
  async quiet(): Promise<void> {
    const alone = (mob: Mob, members: number): boolean => {
      const { connections, unauthenticated, handshakes } = mob.stats();
      return connections === members && unauthenticated === 0 && handshakes === 0;
    };
    const tell = (): string => JSON.stringify([this.open, this.guarded].map((mob) => mob.connections()));
    const all = (): boolean => alone(this.open, this.subscribers.length) && alone(this.guarded, 0);
    await comes(all, () => `only the clients that stay are there: ${tell()}`);
    await this.say(1);
  }

  /** What the subscribers have against what they received, in words. */
  problems(): string[] {
    const [first, ...others] = this.subscribers;
    const differ = others.filter(({ order, received }) => order !== first!.order || received !== first!.received);
    return [
      ...this.subscribers.flatMap(({ problems }) => problems.slice(0, 3)),
      ...(differ.length > 0
        ? [`${differ.length} of ${this.subscribers.length} subscribers received something else`]
        : []),
      ...[this.open, this.guarded].flatMap((mob) =>
        mob.stats().closed.internal > 0 ? [`${mob.stats().closed.internal} connections ended by internal errors`] : []
      ),
    ];
  }

  /** Closes everything. */
  async close(): Promise<void> {
    await this.#returning?.close({ timeout: 0 });
    for (const peer of this.#peers) await peer.close();
    await Promise.all([this.open, this.guarded, this.#passing].map((mob) => mob?.close({ drain: 500 })));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #settle(): Promise<void> {
    for (const url of this.open.urls) {
      this.#peers.push(await this.library.connect(url, this.options(url)) as Client);
    }
    this.#peers.push(this.open.join());
    for (const peer of this.#peers) {
      const subscriber = new Subscriber();
      this.subscribers.push(subscriber);
      void subscriber.listen(peer).catch((error) => subscriber.problems.push(`a subscriber: ${error}`));
    }
    await comes(() => this.open.stats().connections === this.#peers.length, () => "the subscribers are in");
    await this.reopen();
  }

  /** A signal that knows how many listen to it. */
  #countedSignal(): AbortSignal {
    const { signal } = new AbortController();
    const target = signal as unknown as Record<
      "addEventListener" | "removeEventListener",
      (type: string, listener: unknown, options?: unknown) => void
    >;
    const { addEventListener, removeEventListener } = target;
    target.addEventListener = (type, listener, options) => {
      this.#signalListeners.add(listener);
      addEventListener.call(signal, type, listener, options);
    };
    target.removeEventListener = (type, listener, options) => {
      this.#signalListeners.delete(listener);
      removeEventListener.call(signal, type, listener, options);
    };
    return signal;
  }

  #received(): Promise<void> {
    const all = (): boolean =>
      this.subscribers.every((subscriber) => subscriber.receivedFrom(this.#publisher) === this.#publisher.said);
    return comes(all, () => "every subscriber receives all");
  }

  async #comeBackAgain(): Promise<ReconnectingClient> {
    const reconnect = { minDelay: 20, maxDelay: 200 };
    const peer = await this.library.connect(this.#passingUrl!, { reconnect }) as ReconnectingClient;
    void (async () => {
      for await (const _ of peer) continue;
    })().catch(() => {});
    return peer;
  }
}
