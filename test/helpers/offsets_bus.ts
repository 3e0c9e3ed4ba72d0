/**
 * Mobs on one bus, whose clients resume.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { READABLE } from "../../src/contract/adapter.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { decodeHello, encodeHello, NO_OFFSET, type StreamOffset } from "../../src/framing/hello.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { textsOf } from "./bytes.ts";
import { PlainEngine, type PlainStream } from "./plain_engine.ts";
import { type Member, World } from "./scripted_server.ts";

/** One mob of the bus. */
export interface Mob {
  readonly world: World;
  readonly stream: PlainStream;
  readonly come: () => Member;
}

/** Mobs on one bus. */
export class Bus {
  readonly engine: PlainEngine = new PlainEngine();
  readonly mobs: Mob[] = [];
  /** All that was published, in order. */
  readonly published: string[] = [];
  readonly #options: MobOptions;

  constructor(options: MobOptions = {}) {
    this.#options = { history: 1000, maxLag: 4000, maxFrame: 200, ...options };
  }

  /** Another mob joins. */
  async add(options: MobOptions = {}): Promise<Mob> {
    const stream = this.engine.stream();
    const channel = new StreamChannel(stream, {
      clock: { after: () => () => {} },
      random: splitmix32(1000 + this.engine.streams.length),
    });
    const relay = busRelay(channel);
    const world = await World.open({ ...this.#options, ...options, ...{ relay } as MobOptions });
    const mob = { world, stream, come: await world.listen("tcp://127.0.0.1:0?resume=true") };
    this.mobs.push(mob);
    await this.settle();
    return mob;
  }

  /** A mob publishes messages, each with the next number. */
  async publish({ world }: Mob, ...lengths: number[]): Promise<void> {
    for (const length of lengths) {
      const message = `${this.published.length} `.padEnd(length, "x");
      this.published.push(message);
      world.mob.publish(message);
      await this.settle();
    }
  }

  /** Lets everything happen. */
  async settle(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      for (const { world } of this.mobs) world.run();
      await Promise.resolve();
    }
  }

  /** A client comes to a mob with its place in the stream. */
  async resume(mob: Mob, asked: StreamOffset = NO_OFFSET): Promise<Member> {
    const member = mob.come();
    member.socket.incoming.push(encodeHello(FRAMINGS.u64, "mob1", asked));
    mob.world.ready(member.token, READABLE);
    await this.settle();
    return member;
  }
}

/** What a connection was told, what it got, and its place then. */
export function heard({ socket }: Member): { begins: StreamOffset; texts: string[]; place: StreamOffset } {
  const { received } = socket;
  const begins = decodeHello(FRAMINGS.u64, "MOB1", received.subarray(8, 28))!;
  const place = { epoch: begins.epoch, offset: begins.offset + received.length - 28 };
  return { begins, texts: textsOf(received.subarray(28)), place };
}
