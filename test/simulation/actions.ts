/**
 * Acts: what each step does.
 *
 * @module
 */

import { ERROR, HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import type { Client } from "./client.ts";
import { MANNERS } from "./admission.ts";
import type { Simulation } from "./simulation.ts";
import type { Step, StepName } from "./steps.ts";

/** Does one step. */
export async function act(simulation: Simulation, step: Step): Promise<void> {
  ACTS[step.do](simulation, step);
  simulation.clientsAct();
  // Failed accepts and members learn by promises.
  if (simulation.awaited) await simulation.settle();
}

const ACTS: Readonly<Record<StepName, (simulation: Simulation, step: Step) => void>> = {
  connect: (simulation, { who, how }) => void simulation.connect(how % 2 === 0, MANNERS[how >> 1], who),
  handshake: ({ network }, { who, how }) => {
    const client = [...network.handshakes.keys()][who % Math.max(1, network.handshakes.size)];
    if (client !== undefined) network.endHandshake(client, how > 0);
  },
  say: (simulation, { who, size, how }) => {
    const client = speaker(simulation, who);
    if (client === undefined) return;
    const payload = Math.min(size, simulation.options.maxFrame);
    for (let count = Math.min(how * how, BURST / payload); count >= 0; count--) client.say(payload);
    pushSome(simulation, client);
  },
  ping: (simulation, { who }) => {
    const client = speaker(simulation, who);
    client?.say(0);
    if (client !== undefined) pushSome(simulation, client);
  },
  push: (simulation, { who, size }) => clientAt(simulation, who)?.push(size),
  read: (simulation, { who, size }) => {
    const client = clientAt(simulation, who);
    if (client !== undefined) simulation.receive(client, size);
  },
  appetite: (simulation, { who, how }) => {
    const client = clientAt(simulation, who);
    if (client !== undefined) client.eager = how === 0;
  },
  finish: (simulation, { who }) => clientAt(simulation, who)?.finish(),
  flow: (simulation) => {
    simulation.deliverAll();
    simulation.tick();
  },
  advance: (simulation, { size }) => {
    simulation.pass(size);
    simulation.deliverAll();
    simulation.tick();
  },
  join: (simulation, { who, size, how }) => {
    const member = simulation.members[who % Math.max(1, simulation.members.length)];
    if (how === 0 || member === undefined) simulation.join();
    else if (how === 1) member.leave();
    else member.say(Math.min(size, simulation.options.maxFrame));
  },
  reset: (simulation, { who }) => clientAt(simulation, who)?.reset(),
  hostile: (simulation, { who, how }) => {
    const client = clientAt(simulation, who);
    // A client that sends a wrong secret, or none, sends nothing else.
    if (client?.talks !== true) return;
    client.poison(garbage(client, simulation.options.maxFrame, how));
    client.push(Infinity);
  },
  deliver: (simulation, { who }) => simulation.deliver(who % Math.max(1, simulation.network.waiting.length)),
  repeat: (simulation, { who }) => simulation.deliver(who % Math.max(1, simulation.network.waiting.length), true),
  spurious: (simulation, { who, how }) => {
    const tokens = [...simulation.inside.keys()];
    const token = tokens[who % Math.max(1, tokens.length)];
    if (token !== undefined) simulation.tell(token, [READABLE, WRITABLE, READABLE | WRITABLE][how]!);
  },
  stale: (simulation, { who, how }) =>
    simulation.tell(goneToken(simulation, who), READABLE | WRITABLE | [0, HUP, ERROR, HUP | ERROR][how]!),
  tick: (simulation) => simulation.tick(),
  starve: (simulation, { size, how }) => {
    const code = ACCEPT_ERRORS[how]!;
    // Enough for the longest wait, when it is the process that lacks something.
    for (let count = how < 3 ? Math.min(size, 3) : size; count > 0; count--) {
      simulation.network.acceptErrors.push(Object.assign(new Error(`accept: ${code}`), { code }));
    }
  },
  trap: (simulation, { who, how }) => {
    const sockets = [...simulation.inside.values()];
    const socket = sockets[who % Math.max(1, sockets.length)];
    if (socket !== undefined) socket.trap = how;
  },
  stall: (simulation, { size }) => simulation.pass(size),
  exodus: (simulation, { how }) => {
    for (const client of simulation.clients) how === 0 ? client.finish() : client.reset();
  },
  meddle: (simulation, { how }) => void (simulation.hooks.next = how),
  stop: (simulation, { who, size, how }) =>
    simulation.stops.stop(size, () => {
      if (how === 0) return void simulation.connect(true, "right", who);
      if (how === 1) return clientAt(simulation, who)?.finish();
      for (const client of simulation.stops.candidates(how === 2)) {
        if (how === 2) simulation.receive(client, Infinity);
        else client.push(Infinity);
      }
    }),
  publish: ({ application }, { size, how }) => application?.publish(size, how),
  disconnect: ({ application }, { who, how }) => application?.disconnectOne(who, how),
  answer: ({ application }, { who, how }) => application?.authorizer.answer(who, how),
  command: ({ application }, { who, size, how }) => {
    if (application === undefined) return;
    application.command = { on: (["onMessage", "onMessage", "event", "authorize"] as const)[who % 4]!, who, size, how };
  },
  control: (simulation, { who, size, how }) => {
    const webs = simulation.clients.filter((client) => client.web !== undefined && client.talks);
    const client = webs[who % Math.max(1, webs.length)];
    if (client === undefined) return;
    const web = client.web!;
    if (how < 2) web.ping();
    else if (how === 2) { for (let count = 8 + size % 8; count > 0; count--) web.ping(); }
    else if (how === 3) web.pong();
    else if (how === 4 && who % 4 === 0) web.close();
    pushSome(simulation, client);
  },
  close: (simulation, { how }) => simulation.close([undefined, 0, 1][how]),
};

/** Bytes that a client sends at once, except the first frame. */
const BURST = 64 * 1024;

/** What accepts fail with. The first three take the incoming connection with them. */
export const ACCEPT_ERRORS: readonly string[] = [
  "ECONNABORTED",
  "ENOTCONN",
  "EPROTO",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EWHATEVER",
];

/** A client, preferably one that is neither broken nor over. */
function clientAt({ clients }: Simulation, who: number): Client | undefined {
  const present = clients.filter((client) => !client.broken && !client.over);
  return present[who % Math.max(1, present.length)];
}

/** A client that can still send frames. */
function speaker(simulation: Simulation, who: number): Client | undefined {
  const client = clientAt(simulation, who);
  return client?.talks === true ? client : undefined;
}

/** The client sends what it has to send, or less. */
function pushSome(simulation: Simulation, client: Client): void {
  const length = client.outbox.reduce((sum, bytes) => sum + bytes.length, 0);
  simulation.cutting = true;
  const cut = simulation.cut(length);
  simulation.cutting = false;
  client.push(length - cut);
}

/** The token of a connection that is gone, or that never was. */
export function goneToken({ gone }: Simulation, who: number): Token {
  return gone[gone.length - 1 - who % 8] ?? tokenOf(who, 1_000_000 + who);
}

/** Bytes that begin no frame within limits. In the `line` framing only a line that is too long is one. */
function garbage({ listener, header, web }: Client, maxFrame: number, how: number): Uint8Array {
  if (web !== undefined) return web.offend(how, maxFrame);
  const bytes = new Uint8Array(listener.framing === "line" ? maxFrame + 1 : header + how);
  if (listener.framing === "line") return bytes.fill(65);
  const view = new DataView(bytes.buffer);
  if (how === 0) view.setUint32(header - 4, maxFrame + 1);
  else if (how === 1) view.setUint32(0, 0x80000000);
  else if (how === 2) bytes.fill(255);
  else if (how === 3) bytes.set(new TextEncoder().encode("GET / HT").subarray(0, header));
  else view.setUint32(header - 4, 2 ** 32 - 5);
  return bytes;
}
