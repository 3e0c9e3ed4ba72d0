/** Under `skip`, clients that read now and then receive whole frames, and know of every frame that they missed. */

import type { RuntimeName } from "../helpers/command_line.ts";
import { PATIENCE } from "./clients.ts";
import { Crowd, Findings, type Row } from "./scenario.ts";
import { Server } from "./server.ts";
import { type Dream, StalledClient } from "./stalled_client.ts";
import { every, until } from "./waiting.ts";

/** How many read all the time, and how many now and then. */
const READERS = 20;
const DOZERS = 3;

/** Bytes that one reads before it dozes off, and how long it then sleeps, in milliseconds. */
const SIP = 512 * 1024;
const NAP = 300;

/** Frames sent as fast as they come back: several times `maxLag`. */
const FLOOD = 128 * 1024;

const payload = (sequence: number): number => 512 + sequence * 7 % 1024;

/** A client that reads now and then. */
interface Dozer {
  readonly stalled: StalledClient;
  readonly dream: Dream;
  /** Frames published before it joined. */
  readonly before: number;
}

/** See above. */
export async function doze(runtime: RuntimeName): Promise<Row> {
  const server = await Server.start(runtime, ["--slow-consumer", "skip"]);
  const people = new Crowd(server.port);
  const dozers: Dozer[] = [];
  let stop = (): void => {};
  try {
    await people.grow(1, READERS);
    for (let index = 0; index < DOZERS; index++) dozers.push(await comeIn(server, people));
    stop = every(NAP, () => dozers.forEach(({ stalled }) => stalled.stir()));
    await people.publishers[0]!.flood(FLOOD, { payload, window: 1024 });
    stop();
    return await wakeUp(server, people, dozers);
  } finally {
    stop();
    people.disperse();
    for (const { stalled } of dozers) stalled.drop();
    await server.stop();
  }
}

async function comeIn(server: Server, people: Crowd): Promise<Dozer> {
  const { sent: before, id: publisher } = people.publishers[0]!;
  const { connections } = await server.stats();
  const stalled = await StalledClient.join(server.port, people.expected);
  await server.hasConnections(connections + 1);
  const dream: Dream = { publisher, last: before - 1, frames: 0, missed: 0, torn: 0 };
  stalled.wake(dream, SIP);
  return { stalled, dream, before };
}

/** All read to the end of the stream now. What each received and missed must be all there was. */
async function wakeUp(server: Server, people: Crowd, dozers: readonly Dozer[]): Promise<Row> {
  const findings = new Findings();
  const publisher = people.publishers[0]!;
  for (const { stalled } of dozers) stalled.stayAwake();
  // A client without room just now misses the last frame too: there is another one until all have caught up.
  const done = (): boolean => dozers.every(({ dream }) => dream.last === publisher.sent - 1 && dream.torn === 0);
  const stop = every(20, () => done() || publisher.send(1, payload));
  await until(() => done() || dozers.some(({ stalled }) => stalled.ended !== undefined), "all are awake", PATIENCE)
    .catch((error: Error) => findings.expect(false, error.message));
  stop();
  await people.settle();
  for (const { stalled, dream, before } of dozers) {
    findings.expect(stalled.ended === undefined, `one that dozed was cut off: ${stalled.ended}`);
    const [all, known] = [publisher.sent - before, dream.frames + dream.missed];
    findings.expect(known === all, `${dream.frames} frames were received and ${dream.missed} missed of ${all}`);
  }
  const missed = dozers.reduce((sum, { dream }) => sum + dream.missed, 0);
  const { skipped } = await server.stats();
  findings.expect(missed === skipped.frames, `${missed} frames were missed, and ${skipped.frames} were counted`);
  findings.expect(dozers.every(({ dream }) => dream.missed > 0), "somebody missed nothing: the load is too small");
  findings.problems.push(...people.problems());
  const received = dozers.map(({ dream }) => `${dream.frames}+${dream.missed}`).join(" ");
  return {
    label: `skip, ${dozers.length} that read now and then`,
    figures: { frames: publisher.sent, "received+missed": received, skipped: skipped.frames },
    problems: findings.problems,
  };
}
