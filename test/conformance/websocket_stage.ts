/**
 * What the WebSocket cases have in common: a real listener of the runtime at hand, and clients that send any bytes.
 *
 * @module
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Adapter } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import type { ListenerOptions } from "../../src/server/mob_options.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { bytesOf } from "../helpers/bytes.ts";
import { PlainClient } from "../helpers/plain_client.ts";
import type { Transport } from "../helpers/transports.ts";
import { Bell } from "../helpers/wait.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";

/** Listeners under test. */
export interface WebSocketSubject {
  /** Their name in the names of the cases. */
  readonly name: string;
  readonly scheme: "ws" | "wss";
  readonly transport: Transport;
  readonly adapter: () => Promise<Adapter>;
  /** Whether a client that did not read sees that its connection is lost. Default: yes. */
  readonly seesLoss?: boolean;
}

/** Registers one case. */
export type WebSocketCheck = (
  fact: string,
  run: (
    open: (options?: MobOptions & MobHooks, listener?: ListenerOptions) => Promise<WebSocketStage>,
  ) => Promise<void>,
) => void;

/** What registers the cases for a subject. */
export function checksFor(subject: WebSocketSubject): WebSocketCheck {
  return (fact, run) => {
    test(`${subject.name}: ${fact}`, { timeout: 30_000 }, async () => {
      const stages: WebSocketStage[] = [];
      try {
        await run(async (options, listener) => {
          const stage = await WebSocketStage.open(subject, options, listener);
          stages.push(stage);
          return stage;
        });
      } finally {
        for (const stage of stages) await stage.end();
      }
    });
  };
}

/** A mob with a WebSocket listener and one for TCP, and everything that a case opens. */
export class WebSocketStage {
  readonly mob: Mob;
  readonly bell: Bell = new Bell();
  /** See {@link WebSocketSubject.seesLoss}. */
  readonly seesLoss: boolean;
  readonly #transport: Transport;
  readonly #peers: WebSocketPeer[] = [];
  readonly #clients: PlainClient[] = [];
  readonly #urls: readonly string[];

  private constructor(mob: Mob, { transport, seesLoss = true }: WebSocketSubject, urls: readonly string[]) {
    this.mob = mob;
    this.#transport = transport;
    this.seesLoss = seesLoss;
    this.#urls = urls;
  }

  /** Opens both listeners. */
  static async open(
    subject: WebSocketSubject,
    options: MobOptions & MobHooks = {},
    listener: ListenerOptions = {},
  ): Promise<WebSocketStage> {
    const { adapter, transport, scheme } = subject;
    const mob = new Mob(await adapter(), { ...options, ...transport.listener });
    const urls = [await mob.listen(`${scheme}://127.0.0.1:0/`, listener), await mob.listen("tcp://127.0.0.1:0")];
    return new WebSocketStage(mob, subject, urls);
  }

  /** A client that has connected, and sent nothing. */
  come(): WebSocketPeer {
    const peer = new WebSocketPeer(this.#urls[0]!, this.#transport, this.bell);
    this.#peers.push(peer);
    return peer;
  }

  /** A client that sends these bytes first. */
  send(...bytes: Uint8Array[]): WebSocketPeer {
    const peer = this.come();
    peer.send(...bytes);
    return peer;
  }

  /** A client whose handshake is over. */
  async join(packed = false): Promise<WebSocketPeer> {
    const peer = this.send(packed ? packedRequest() : upgradeRequest());
    assertEquals(await peer.answered(), 101);
    return peer;
  }

  /** A client over TCP, which has joined. */
  async joinTcp(): Promise<PlainClient> {
    const before = this.mob.stats().joined;
    const client = await PlainClient.connect(this.#urls[1]!);
    this.#clients.push(client);
    await this.until(() => this.mob.stats().joined > before, "a TCP client");
    return client;
  }

  /** Waits for something of the mob, which rings no bell. */
  async until(done: () => boolean, what: string): Promise<void> {
    const timer = setInterval(() => this.bell.ring(), 5);
    try {
      await this.bell.until(done, what);
    } finally {
      clearInterval(timer);
    }
  }

  /** Drops everything. Fails when something went wrong inside. */
  async end(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.#peers.map((peer) => peer.drop()));
    await this.mob.close({ drain: 0 });
    assertEquals(this.mob.stats().closed.internal, 0);
  }
}

/** The frame of a binary message. */
export function message(text: string): Uint8Array {
  return clientFrame({ payload: bytesOf(text) });
}

/** A control frame. */
export function control(opcode: number, payload: Uint8Array | string = ""): Uint8Array {
  return clientFrame({ first: 128 | opcode, payload: typeof payload === "string" ? bytesOf(payload) : payload });
}

/** The opcodes of control frames: a close, a ping and a pong. */
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
