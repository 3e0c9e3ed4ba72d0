/** Under `skip`, clients that read now and then receive whole frames, and know of every frame that they missed. */

import type { RuntimeName } from "../helpers/command_line.ts";
import { PATIENCE } from "./clients.ts";
import { Clients, Findings, type Row, type Size } from "./scenario.ts";
import { Server } from "./server.ts";
import { type Seen, StalledClient } from "./stalled_client.ts";
import { every, until } from "./waiting.ts";

/** How many read all the time, and how many now and then. */
const READERS: Readonly<Record<Size, number>> = { long: 20, short: 6 };
const SLOW_READERS = 3;

/** Bytes that a slow reader reads before it rests, and how long it rests, in milliseconds. */
const PORTION = 512 * 1024;
const REST = 300;

/** Frames sent as fast as they come back: several times `maxLag`. */
const FLOOD: Readonly<Record<Size, number>> = { long: 128 * 1024, short: 48 * 1024 };

const payload = (sequence: number): number => 512 + sequence * 7 % 1024;

/** A client that reads now and then. */
interface SlowReader {
  readonly stalled: StalledClient;
  readonly seen: Seen;
  /** Frames published before it joined. */
  readonly before: number;
}

/** See above. */
export async function skipPolicy(runtime: RuntimeName, size: Size): Promise<Row> {
  const server = await Server.start(runtime, ["--slow-consumer", "skip"]);
  const clients = new Clients(server.port);
  const slowReaders: SlowReader[] = [];
  let stop = (): void => {};
  try {
    await clients.grow(1, READERS[size]);
    for (let index = 0; index < SLOW_READERS; index++) slowReaders.push(await join(server, clients));
    stop = every(REST, () => slowReaders.forEach(({ stalled }) => stalled.readMore()));
    await clients.publishers[0]!.flood(FLOOD[size], { payload, window: 1024 });
    stop();
    return await readToEnd(server, clients, slowReaders);
  } finally {
    stop();
    clients.leave();
    for (const { stalled } of slowReaders) stalled.drop();
    await server.stop();
  }
}

async function join(server: Server, clients: Clients): Promise<SlowReader> {
  const { sent: before, id: publisher } = clients.publishers[0]!;
  const { connections } = await server.stats();
  const stalled = await StalledClient.join(server.port, clients.expected);
  await server.hasConnections(connections + 1);
  const seen: Seen = { publisher, last: before - 1, frames: 0, missed: 0, torn: 0 };
  stalled.readNowAndThen(seen, PORTION);
  return { stalled, seen, before };
}

/** All read to the end of the stream now. What each received and missed must be all there was. */
async function readToEnd(server: Server, clients: Clients, slowReaders: readonly SlowReader[]): Promise<Row> {
  const findings = new Findings();
  const publisher = clients.publishers[0]!;
  for (const { stalled } of slowReaders) stalled.readOn();
  // A client without room just now misses the last frame too: there is another one until all have caught up.
  const done = (): boolean => slowReaders.every(({ seen }) => seen.last === publisher.sent - 1 && seen.torn === 0);
  const stop = every(20, () => done() || publisher.send(1, payload));
  await until(
    () => done() || slowReaders.some(({ stalled }) => stalled.ended !== undefined),
    "all have caught up",
    PATIENCE,
  )
    .catch((error: Error) => findings.expect(false, error.message));
  stop();
  await clients.settle();
  for (const { stalled, seen, before } of slowReaders) {
    findings.expect(stalled.ended === undefined, `a slow reader was removed: ${stalled.ended}`);
    const [all, known] = [publisher.sent - before, seen.frames + seen.missed];
    findings.expect(known === all, `${seen.frames} frames were received and ${seen.missed} missed of ${all}`);
  }
  const missed = slowReaders.reduce((sum, { seen }) => sum + seen.missed, 0);
  const { skipped } = await server.stats();
  findings.expect(missed === skipped.frames, `${missed} frames were missed, and ${skipped.frames} were counted`);
  findings.expect(
    slowReaders.every(({ seen }) => seen.missed > 0),
    "a slow reader missed nothing: the load is too small",
  );
  findings.problems.push(...clients.problems());
  const received = slowReaders.map(({ seen }) => `${seen.frames}+${seen.missed}`).join(" ");
  return {
    label: `skip, ${slowReaders.length} that read now and then`,
    figures: { frames: publisher.sent, "received+missed": received, skipped: skipped.frames },
    problems: findings.problems,
  };
}
