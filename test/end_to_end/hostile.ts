/** Ten healthy clients send all the time and lose nothing, whatever others do to the server. */

import { type Act, ACTS, type Stage } from "./attacks.ts";
import { PATIENCE, Publisher } from "./clients.ts";
import { Clients, Findings, type Row, type Scenario } from "./scenario.ts";
import { Server } from "./server.ts";
import { StalledClient } from "./stalled_client.ts";
import { pass, until } from "./waiting.ts";

/** How many clients send. */
const HEALTHY = 10;

/** Frames a second from each of them. */
const RATE = 100;

/** How long the server may wait for a connection whose stream it has ended, and a little, in milliseconds. */
const LINGER = 1300;

const payload = (sequence: number): number => 20 + sequence * 7 % 45;

/** See above. */
export const hostile: Scenario = {
  name: "hostile",
  about:
    `while ${HEALTHY} healthy clients talk and lose nothing, others misbehave; silence is the longest any of them received`,
  async *run(runtime) {
    const server = await Server.start(runtime, []);
    const clients = new Clients(server.port);
    let stops: (() => void)[] = [];
    try {
      await clients.grow(HEALTHY, 0);
      for (const frames of [4, 5]) yield await halfClosed(frames, { server, clients });
      stops = clients.publishers.map((publisher) => publisher.tick(RATE, 10, payload));
      for (const act of ACTS) yield await perform(act, { server, clients });
    } finally {
      for (const stop of stops) stop();
      clients.leave();
      await server.stop();
    }
  },
};

/**
 * A client stops reading, gets so many large frames that the last one waits in the server, and ends its half. The others go
 * on meanwhile, and after a second it is dropped. No other client may send at that moment.
 */
async function halfClosed(frames: number, { server, clients }: Stage): Promise<Row> {
  const findings = new Findings();
  const [publisher] = clients.publishers;
  const large = (): number => 2 ** 20;
  const stalled = await StalledClient.join(server.port, clients.expected);
  await server.hasConnections(clients.members.length + 1);
  publisher!.send(frames, large);
  await clients.settle();
  stalled.halfClose();
  await pass(100);
  publisher!.send(4, large);
  await clients.settle();
  await pass(LINGER);
  stalled.drop();
  findings.expect(server.runs, `the server ended with code ${server.code}: ${server.noise}`);
  findings.problems.push(...clients.problems());
  return { label: `half-close, ${frames} frames unread`, figures: {}, problems: findings.problems };
}

async function perform(act: Act, stage: Stage): Promise<Row> {
  const { server, clients } = stage;
  const findings = new Findings();
  clients.resetSilence();
  const began = performance.now();
  const figures = await act.run(stage, findings).catch((error: Error) => findings.expect(false, error.message));
  const took = performance.now() - began;
  // After every attack all clients send and receive frames that are newer than the attack.
  const newer = clients.publishers.map((publisher) => publisher.sent + 1);
  const goesOn = (): boolean => clients.publishers.every(({ echoed }, index) => echoed >= newer[index]!);
  await until(goesOn, "the healthy receive each other", PATIENCE).catch((error: Error) =>
    findings.expect(false, error.message)
  );
  const silence = clients.silence;
  const served = await incoming(stage).catch((error: Error) =>
    findings.expect(false, `a new client: ${error.message}`)
  );
  findings.expect(server.runs, `the server ended with code ${server.code}: ${server.noise}`);
  findings.expect(server.noise === "", `on standard error: ${server.noise}`);
  const lost = clients.members.filter(({ ended }) => ended !== undefined);
  findings.expect(lost.length === 0, `${lost.length} healthy clients lost their connection: ${lost[0]?.ended}`);
  findings.problems.push(...clients.expected.problems);
  return {
    label: act.label,
    figures: {
      took: `${took.toFixed(0)} ms`,
      silence: `${silence.toFixed(0)} ms`,
      "new client": `${served} ms`,
      ...figures,
    },
    problems: findings.problems,
  };
}

/** A new client joins, sends a frame, and receives it. Returns how long that took, in milliseconds. */
async function incoming({ clients, server }: Stage): Promise<string> {
  const began = performance.now();
  const publisher = await Publisher.join(server.port, clients.expected);
  publisher.send(1, payload);
  await until(() => publisher.echoed === 1 || publisher.ended !== undefined, "a new client is served", PATIENCE);
  const took = performance.now() - began;
  const { ended } = publisher;
  publisher.drop();
  if (ended !== undefined) throw new Error(`its connection ended: ${ended}`);
  return took.toFixed(0);
}
