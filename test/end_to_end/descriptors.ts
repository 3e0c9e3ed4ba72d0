/** At the descriptor limit the server lives, serves its connections, does not spin, and accepts again afterwards. */

import type { Socket } from "node:net";
import { openSocket, Publisher } from "./clients.ts";
import { Clients, Findings, percent, type Row, type Scenario, type Size } from "./scenario.ts";
import { processorOf, Server } from "./server.ts";
import { comesTrue, every, pulse } from "./waiting.ts";

/** The most descriptors the server may have open. */
const DESCRIPTORS = 64;

/** How many clients send all the time. */
const HEALTHY = 5;

const SIZES: Readonly<Record<Size, { connects: number; seconds: number }>> = {
  long: { connects: 500, seconds: 10 },
  short: { connects: 200, seconds: 3 },
};

/** Of one core, meanwhile. */
const PROCESSOR = 0.2;

/** The time until a new client is served when there are descriptors again, in milliseconds. */
const AGAIN = 1000;

const payload = (): number => 32;

/** See above. */
export const descriptors: Scenario = {
  name: "descriptors",
  about:
    `${DESCRIPTORS} descriptors, 500 connects in ten seconds: alive, the healthy lose nothing, under 20 % of a core`,
  async *run(runtime, size) {
    const server = await Server.start(runtime, [], { descriptors: DESCRIPTORS });
    const clients = new Clients(server.port);
    try {
      await clients.grow(HEALTHY, 0);
      yield await connectPastLimit(server, clients, SIZES[size]);
    } finally {
      clients.leave();
      await server.stop();
    }
  },
};

async function connectPastLimit(
  server: Server,
  clients: Clients,
  size: { connects: number; seconds: number },
): Promise<Row> {
  const findings = new Findings();
  const stops = clients.publishers.map((publisher) => publisher.tick(20, 50, payload));
  const siege = new Siege(server.port);
  const used = [server.processor(), processorOf("self")] as const;
  clients.resetSilence();
  await siege.run(size.connects, size.seconds);
  const cpu = server.processor() - used[0];
  const loadCpu = processorOf("self") - used[1];
  const { silence } = clients;
  const { held } = siege;
  siege.end();
  const again = await incoming(server, clients);
  for (const stop of stops) stop();
  await clients.settle();
  findings.expect(server.runs, `the server ended with code ${server.code}: ${server.noise}`);
  findings.expect(server.noise === "", `on standard error: ${server.noise}`);
  findings.expect(again !== undefined, `no client was let in within ${AGAIN} ms after descriptors were free`);
  findings.expect(cpu < PROCESSOR * size.seconds, `${cpu.toFixed(2)} s of processor time in ${size.seconds} s`);
  findings.problems.push(...clients.problems());
  const { acceptFailures, closed: left } = await server.stats();
  return {
    label: `${size.connects} connects in ${size.seconds} s`,
    figures: {
      held,
      "server cpu": percent(cpu, size.seconds),
      "load cpu": percent(loadCpu, size.seconds),
      silence: `${silence.toFixed(0)} ms`,
      "in again after": again === undefined ? "never" : `${again.toFixed(0)} ms`,
      acceptFailures,
      refused: left.refused,
      warnings: server.log.filter(({ level }) => level.startsWith("WARN")).length,
    },
    problems: findings.problems,
  };
}

/** A new client joins and is served. Returns how long that took in milliseconds; `undefined` when it took too long. */
async function incoming(server: Server, clients: Clients): Promise<number | undefined> {
  const began = performance.now();
  // A client that is closed at once, because the server has not yet seen the others go, tries again.
  while (server.runs && performance.now() - began < AGAIN) {
    const publisher = await Publisher.join(server.port, clients.expected).catch(() => undefined);
    if (publisher === undefined) continue;
    publisher.send(1, payload);
    const left = AGAIN - (performance.now() - began);
    await comesTrue(() => publisher.echoed === 1 || publisher.ended !== undefined, left);
    const served = publisher.echoed === 1;
    publisher.drop();
    if (served) return performance.now() - began;
  }
  return undefined;
}

/** Connects, at a steady pace, that are held open as long as the server lets them. */
class Siege {
  readonly #port: number;
  readonly #sockets: Set<Socket> = new Set();
  #tried = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** How many are open. */
  get held(): number {
    return this.#sockets.size;
  }

  /** Tries so many in so many seconds. */
  async run(connects: number, seconds: number): Promise<void> {
    const began = performance.now();
    const elapsed = (): number => (performance.now() - began) / 1000;
    const stop = every(10, () => {
      const due = Math.min(connects, Math.ceil(connects * elapsed() / seconds));
      for (; this.#tried < due; this.#tried++) void this.#connect();
      pulse();
    });
    await comesTrue(() => elapsed() >= seconds, 2000 * seconds);
    stop();
  }

  /** Closes them all. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #connect(): Promise<void> {
    const socket = await openSocket(this.#port, () => {}).catch(() => undefined);
    if (socket === undefined) return;
    this.#sockets.add(socket);
    const gone = (): void => void this.#sockets.delete(socket);
    socket.on("error", gone).on("end", gone).on("close", gone);
  }
}
