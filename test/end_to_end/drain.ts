/** SIGTERM under load: what one has received all receive, what was received back is not lost, and the process ends in time. */

import { ANOTHER } from "../helpers/command_line.ts";
import { pause } from "../helpers/wait.ts";
import { PATIENCE, type Publisher } from "./clients.ts";
import { Clients, Findings, inMilliseconds, mebibytes, type Row, type Scenario, type Size } from "./scenario.ts";
import { Server } from "./server.ts";
import { StalledClient } from "./stalled_client.ts";
import { comesTrue, every, pass, until } from "./waiting.ts";

/** Clients that read all the time, and those among them that also send. */
const READERS = 20;
const PUBLISHERS = 4;

/** Clients that read so many bytes at a time, and rest for so many milliseconds. */
const SLOW = 2;
const SIP = 192 * 1024;
const REST = 50;

/** Frames a second from each publisher: what is sent in all must stay within what a server holds for the stuck. */
const RATE = 4000;

/** How long the leaving clients may take to receive what is pending, in milliseconds. */
const DRAIN = 2000;

/** The same where a second signal ends the process: it must not end by itself before, on a busy machine either. */
const LONG_DRAIN = 20_000;

/** How much later the process may end, in milliseconds: the short form runs beside other tests. */
const GRACE: Readonly<Record<Size, number>> = { long: 1000, short: 10_000 };

/** More bytes than the kernel takes for a client that reads nothing: 4 MiB at the sender, and little at the receiver. */
const STUCK_AT = 6 * 2 ** 20;

/** How long the load runs before the signal, in milliseconds. */
const BEFORE: Readonly<Record<Size, number>> = { long: 2000, short: 700 };

/** How long it may take to end at once, in milliseconds. */
const AT_ONCE: Readonly<Record<Size, number>> = { long: 500, short: 5000 };

const payload = (sequence: number): number => 256 + sequence * 7 % 512;

/** See above. */
export const drain: Scenario = {
  name: "drain",
  about: `SIGTERM under load: all receive the same to the end, exit code 0 within ${(DRAIN + GRACE.long) / 1000} s; ` +
    "a second one ends it at once with 1",
  async *run(runtime, size) {
    yield await withServer((server) => end(server, size, { slow: 0, stuck: 0, fullSpeed: true }));
    for (const stuck of [0, 1]) {
      yield await withServer((server) => end(server, size, { slow: SLOW, stuck, fullSpeed: false }));
    }
    yield await withServer((server) => endTwice(server, size), LONG_DRAIN);

    async function withServer(scene: (server: Server) => Promise<Row>, drain = DRAIN): Promise<Row> {
      const server = await Server.start(runtime, ["--drain-timeout", `${drain}ms`]);
      try {
        return await scene(server);
      } finally {
        await server.stop();
      }
    }
  },
};

/** The clients besides the healthy ones, and whether the healthy ones send as fast as their frames come back. */
interface Mixture {
  readonly slow: number;
  readonly stuck: number;
  readonly fullSpeed: boolean;
}

/** A load that does not end by itself. */
class Load {
  readonly clients: Clients;
  readonly slow: StalledClient[] = [];
  readonly stuck: StalledClient[] = [];
  readonly #server: Server;
  readonly #before: number;
  #stops: (() => void)[] = [];

  constructor(server: Server, size: Size) {
    this.#server = server;
    this.#before = BEFORE[size];
    this.clients = new Clients(server.port);
  }

  async start({ slow, stuck, fullSpeed }: Mixture): Promise<void> {
    const { clients } = this;
    await clients.grow(PUBLISHERS, READERS - PUBLISHERS);
    const { port } = this.#server;
    for (let left = slow; left > 0; left--) this.slow.push(await StalledClient.join(port, clients.expected));
    for (let left = stuck; left > 0; left--) this.stuck.push(await StalledClient.join(port, clients.expected));
    await this.#server.hasConnections(READERS + slow + stuck);
    for (const stalled of this.slow) void stalled.recall(SIP);
    if (fullSpeed) {
      for (const publisher of clients.publishers) void publisher.flood(1e9, { payload, window: 500 }).catch(() => {});
    } else this.#stops = clients.publishers.map((publisher) => publisher.tick(RATE, 2, payload));
    this.#stops.push(every(REST, () => this.slow.forEach((stalled) => stalled.readMore())));
    await pass(this.#before);
    // On a busy machine there may be less.
    if (stuck > 0) await until(() => clients.expected.length > STUCK_AT, "a client is stuck", PATIENCE);
  }

  end(): void {
    for (const stop of this.#stops) stop();
    this.clients.leave();
    for (const stalled of [...this.slow, ...this.stuck]) stalled.drop();
  }
}

async function end(server: Server, size: Size, mixture: Mixture): Promise<Row> {
  const findings = new Findings();
  const load = new Load(server, size);
  try {
    await load.start(mixture);
    const { members, publishers, expected } = load.clients;
    const echoed = publishers.map((publisher) => publisher.echoed);
    const slowAt = load.slow.map(({ start, received }) => start + received);
    const [before, sent] = [expected.length, publishers.reduce((sum, publisher) => sum + publisher.sent, 0)];
    server.signal("SIGTERM");
    const { code, took } = await server.exit();
    await until(() => members.every(({ ended }) => ended !== undefined), "every connection ends", PATIENCE);
    await until(() => load.slow.every(({ ended }) => ended !== undefined), "the slow ones' end too", PATIENCE);
    const short = members.filter((member) => !member.isLevel).length;
    const torn = members.filter(({ ended }) => ended !== "end");
    const behind = load.slow.filter((stalled) => stalled.start + stalled.received !== expected.length);
    findings.expect(short === 0, `${short} of ${members.length} did not receive all that others received`);
    findings.expect(
      torn.length === 0,
      `${torn.length} connections were not ended in the orderly way: ${torn[0]?.ended}`,
    );
    findings.expect(behind.length === 0, `${behind.length} slow ones did not receive all that others received`);
    findings.expect(expected.endsAtBoundary, "the stream ends inside a frame");
    findings.expect(receivedAll(publishers, echoed), "a frame that was received back is missing");
    findings.expect(code === 0, `the exit code is ${code}`);
    findings.expect(took <= DRAIN + GRACE[size], `it took ${inMilliseconds(took)} to end`);
    findings.expect(mixture.stuck === 0 || took >= DRAIN - 100, "it did not wait for the one that is stuck");
    findings.problems.push(...expected.problems);
    const after = publishers.reduce((sum, publisher) => sum + publisher.echoed, 0);
    return {
      label: mixture.fullSpeed ? "at full speed" : `${mixture.slow} slow, ${mixture.stuck} stuck`,
      figures: {
        exit: code ?? "none",
        took: inMilliseconds(took),
        "sent before": sent,
        "received before": echoed.reduce((sum, count) => sum + count),
        "received in all": after,
        ...(mixture.slow > 0 ? { "slow were behind": mebibytes(before - Math.min(...slowAt)) } : {}),
      },
      problems: findings.problems,
    };
  } finally {
    load.end();
  }
}

/** Whether each publisher's frames that it had received back are in the stream that all have received. */
function receivedAll(publishers: readonly Publisher[], echoed: readonly number[]): boolean {
  return publishers.every(({ id, expected }, index) => {
    const last = echoed[index]! - 1;
    return last < 0 || expected.numberOf(id, last) !== undefined;
  });
}

async function endTwice(server: Server, size: Size): Promise<Row> {
  const findings = new Findings();
  const load = new Load(server, size);
  try {
    await load.start({ slow: 0, stuck: 1, fullSpeed: false });
    server.signal("SIGTERM");
    // The healthy clients have the end of their streams: now only the stuck one is waited for.
    await comesTrue(() => load.clients.members.every(({ ended }) => ended !== undefined), LONG_DRAIN / 2);
    findings.expect(server.runs, "it did not wait for the one that is stuck");
    await pause(ANOTHER);
    server.signal("SIGTERM");
    const { code, took } = await server.exit();
    findings.expect(code === 1, `the exit code is ${code}`);
    findings.expect(took <= AT_ONCE[size], `it took ${inMilliseconds(took)} to end`);
    return {
      label: "a second SIGTERM",
      figures: { exit: code ?? "none", took: inMilliseconds(took) },
      problems: findings.problems,
    };
  } finally {
    load.end();
  }
}
