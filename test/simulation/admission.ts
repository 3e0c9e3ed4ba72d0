/**
 * Incoming connections: which of them must be accepted, which refused, and how those that never join end.
 *
 * @module
 */

import type { ResolvedOptions } from "../../src/server/options.ts";
import type { MobStats } from "../../src/status/stats.ts";
import type { Client } from "./client.ts";
import { ENCODINGS } from "./feeds.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import { pick, type Random } from "./settings.ts";
import { WebAdmission } from "./web_admission.ts";
import type { WebSpeaker } from "./web_speaker.ts";
import type { Simulation } from "./simulation.ts";

/** Where a client is at home. */
export interface Home {
  /** Its address, as it is counted; `undefined`: it has none. */
  readonly address: string | undefined;
  /** The remote address of its sockets. */
  readonly client: (port: number) => string;
}

/** Where clients come from. All lists accept the first. */
export const HOMES: readonly Home[] = [
  { address: "127.0.0.1", client: (port) => `127.0.0.1:${port}` },
  { address: "10.0.0.7", client: (port) => `10.0.0.7:${port}` },
  { address: "10.0.0.7", client: (port) => `[::ffff:10.0.0.7]:${port}` },
  { address: "fe80::7%eth0", client: (port) => `[fe80::7%eth0]:${port}` },
  { address: undefined, client: () => "unix" },
];

/** Lists, and which of the addresses above they keep out: worked out by hand, not by the rules under test. */
export interface Lists {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly out: readonly string[];
}

/** The lists of worlds. */
export const LISTS: readonly Lists[] = [
  { allow: [], deny: [], out: [] },
  { allow: [], deny: ["10.0.0.0/8"], out: ["10.0.0.7"] },
  { allow: ["127.0.0.0/8", "10.0.0.0/29"], deny: [], out: ["fe80::7%eth0"] },
  { allow: ["0.0.0.0/0", "fe80::/10"], deny: ["10.0.0.7"], out: ["10.0.0.7"] },
  { allow: ["127.0.0.1", "10.0.0.0/30", "fe80::8"], deny: [], out: ["10.0.0.7", "fe80::7%eth0"] },
];

/** Which clients a world accepts. */
export interface Welcome {
  /** How many of the {@link HOMES} there are. */
  readonly homes: number;
  /** Which of them the lists keep out. */
  readonly out: readonly string[];
  /** Whether some clients come by way of a handshake. */
  readonly handshakes: boolean;
}

/** A world without access control. */
export const OPEN_HOUSE: Welcome = { homes: 1, out: [], handshakes: false };

/** Draws the access control of a world: the options, and what they mean. */
export function drawWelcome(
  work: Random,
): { options: Pick<ResolvedOptions, "allow" | "deny" | "secret">; welcome: Welcome } {
  const lists = work() < 0.6 ? LISTS[0]! : pick(work, LISTS);
  return {
    options: {
      allow: lists.allow,
      deny: lists.deny,
      secret: pick(work, [undefined, undefined, undefined, "s", "open sesame"]),
    },
    welcome: {
      homes: pick(work, [1, 1, HOMES.length]),
      out: lists.out,
      handshakes: work() < 0.3,
    },
  };
}

/** How clients send the secret, if they do. */
export const MANNERS = ["right", "right", "right", "wrong", "behind a ping", "never"] as const;

/** One of the {@link MANNERS}. */
export type Manner = (typeof MANNERS)[number];

/** The first frame of a client where there is a secret. A client that sends a wrong one, or none, sends nothing else. */
export function saySecret(client: Client): void {
  const { secret, framing } = client.listener;
  if (client.web !== undefined) return beginWeb(client, client.web);
  if (secret === undefined) return;
  const payload = new TextEncoder().encode(secret);
  if (client.manner === "never") return client.poison(new Uint8Array(0));
  if (client.manner === "wrong") {
    const wrong = wrongSecret(payload, client.number);
    const frame = ENCODINGS[framing].encode(wrong);
    client.poison(frame);
    // A secret that is too long is known by its header, or by as many bytes in a line.
    const header = framing === "line" ? wrong.length : frame.length - wrong.length;
    client.provenAt = wrong.length > payload.length ? header : frame.length;
    return;
  }
  if (client.manner === "behind a ping") client.preface(ENCODINGS[framing].encode(new Uint8Array(0)));
  client.preface(ENCODINGS[framing].encode(payload));
  client.provenAt = client.author.length;
}

/** The first bytes of a WebSocket client: its request, then the secret, if there is one. One of both may be wrong or missing. */
function beginWeb(client: Client, web: WebSpeaker): void {
  const { listener: { secret }, number, manner } = client;
  const payload = new TextEncoder().encode(secret ?? "");
  const errs = manner === "wrong" || manner === "never";
  if (errs && (secret === undefined || number % 4 < 2)) {
    const { bytes, refusal } = web.askWrongly();
    // Without its last byte most requests are not whole.
    const part = manner === "wrong" ? bytes.length : Math.min(bytes.length, refusal!.at) - 1;
    client.poison(bytes.subarray(0, part));
    client.provenAt = refusal!.at;
    return;
  }
  web.ask();
  client.provenAt = client.author.length;
  if (secret === undefined) return;
  client.provenAt = Infinity;
  if (manner === "never") return client.poison(new Uint8Array(0));
  if (manner === "wrong") {
    const wrong = wrongSecret(payload, number);
    const { bytes, known } = web.wrongly(wrong, wrong.length > payload.length);
    client.provenAt = client.author.length + known;
    return client.poison(bytes);
  }
  if (manner === "behind a ping") web.ping();
  client.provenAt = web.preface(payload);
}

function wrongSecret(secret: Uint8Array, number: number): Uint8Array {
  if (number % 3 === 0) return Uint8Array.of(...secret, 33);
  if (number % 3 === 1 && secret.length > 1) return secret.slice(0, -1);
  return secret.map((byte, index) => index === secret.length - 1 ? byte ^ 1 : byte);
}

/** Milliseconds in which the secret has to come where frames have no time limit. */
const DEFAULT_PATIENCE = 30_000;

/** Checks what happens to incoming connections. */
export class AdmissionChecker {
  /** How many ended so, as the model has it. */
  readonly ended: { "refused": number; "unauthorized": number; "handshake-failed": number } = {
    "refused": 0,
    "unauthorized": 0,
    "handshake-failed": 0,
  };
  /** Checks those of WebSocket. */
  readonly web: WebAdmission;
  readonly #simulation: Simulation;
  #wasFull = false;
  /** How many of those refused may count as unauthorized. */
  #eitherWay = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.web = new WebAdmission(simulation);
  }

  /** Whether an incoming connection must be accepted now; if not, it must be refused. */
  hasRoom({ home: { address }, listener }: Client): boolean {
    const { inside, members, mob, options, closing, marks, network } = this.#simulation;
    const { maxConnections, maxConnectionsPerAddress } = options;
    const rows = members.length === 0 ? [] : mob.connections();
    const admitted = [...inside.values()].filter(({ web }) => web?.wasRefusedAtDoor !== true);
    const clients = [...admitted, ...network.handshakes.values()].map(({ client }) => client);
    const all = clients.length + rows.filter(({ token }) => !inside.has(token)).length;
    const neighbors = clients.filter(({ home }) => home.address === address).length;
    const crowded = maxConnectionsPerAddress > 0 && address !== undefined && neighbors >= maxConnectionsPerAddress;
    const full = all >= maxConnections || crowded;
    if (full) {
      this.#wasFull = true;
      marks.reach("full");
    }
    const denied = address !== undefined && listener.out.includes(address);
    if (denied) marks.reach("refused by address");
    return !full && !closing && !denied;
  }

  /** Whether a handshake must be let begin. */
  mayKnock(client: Client): boolean {
    const { network, options, marks } = this.#simulation;
    const room = this.hasRoom(client);
    const many = network.handshakes.size >= Math.ceil(options.maxConnections / 2);
    if (room && many) marks.reach("too many handshakes");
    return room && !many;
  }

  /** A connection, or a handshake, was accepted or refused: checks that this is right. */
  answered({ number }: Client, letIn: boolean, due: boolean): void {
    if (due && this.#wasFull) this.#simulation.marks.reach("accepted after full");
    if (!letIn) this.ended.refused++;
    if (letIn === due) return;
    const verdict = due ? "was refused, and there was room" : "was let in, and must not be";
    this.#simulation.violate("limits", `client ${number} ${verdict}`);
  }

  /** The core has read something of an unauthenticated connection. Whether that makes it a member. */
  proves(socket: CheckedSocket, length: number): boolean {
    const { client, bytesRead } = socket;
    if (!client.sane && errs(client) || bytesRead < client.provenAt) return false;
    if (socket.proven) return false;
    const { marks } = this.#simulation;
    if (client.listener.secret === undefined) return true;
    marks.reach("secret sent");
    if (client.provenAt > length) marks.reach("secret sent in parts");
    if (bytesRead > client.provenAt) marks.reach("frames behind the secret");
    return true;
  }

  /** The core has closed an unauthenticated connection. */
  unauthenticatedRemoved(socket: CheckedSocket): void {
    const { closing, marks, application, inTick, hooks } = this.#simulation;
    if (socket.web !== undefined) return this.web.removed(socket, socket.web);
    // One that onMessage has disconnected goes at the end of the tick, or before that for a reason of its own.
    if (!closing && inTick && !hooks.isCalling && application?.asked.has(socket.token)) this.#eitherWay++;
    if (closing || socket.threw || application?.asked.has(socket.token)) {
      if (closing && socket.authorization !== undefined) marks.reach("closed while authorize decided");
      else if (closing) marks.reach("unauthenticated connection dropped by a closing mob");
      this.ended.refused++;
      return;
    }
    this.ended.unauthorized++;
    const missing = this.#causeIsMissing(socket);
    if (missing === undefined) return;
    this.#simulation.violate("ends", `${this.#simulation.nameOf(socket)} is turned away: ${missing}`);
  }

  /** Checks unauthenticated connections after a tick: they are handled, and do not stay forever. */
  checkUnauthenticated(): void {
    const { inside, now, tickDue, drains, stops } = this.#simulation;
    for (const socket of inside.values()) {
      if (!socket.unauthenticated) continue;
      if (socket.web?.refused !== undefined) {
        this.web.check(socket, socket.web);
        continue;
      }
      const wrong = (rule: string, what: string): void =>
        this.#simulation.violate(rule, `${this.#simulation.nameOf(socket)}, an unauthenticated connection, ${what}`);
      const late = now - socket.since - this.patience - stops.excuse(socket.since);
      if (late > 10) wrong("deadlines", `is there for ${late} ms too long`);
      if (!tickDue && socket.reported && !socket.proven) wrong("will go on", "was not read to its end");
      if (!tickDue && socket.proven) this.#checkAuthorization(socket, wrong);
      if (isWrong(socket)) wrong("unauthenticated", "has sent something else than the secret, and stays");
      if ((socket.sawEnd || socket.sawFinal) && !tickDue) wrong("ends", "has ended its stream, and stays");
      if (drains) wrong("ends", "stays in a mob that closes");
    }
  }

  /** The application is asked about a connection once that is its turn, and what it answers is done. */
  #checkAuthorization({ authorization }: CheckedSocket, wrong: (rule: string, what: string) => void): void {
    if (authorization === undefined) return wrong("will go on", "was not asked about");
    if (authorization.known) wrong("will go on", `was ${authorization.verdict ? "let in" : "refused"}, and stays`);
  }

  /** Checks the counts of the mob. */
  checkCounts({ unauthenticated, handshakes, closed: left }: MobStats): void {
    const { inside, network } = this.#simulation;
    const other = Math.max(0, Math.min(this.#eitherWay, left.unauthorized - this.ended.unauthorized));
    this.ended.unauthorized += other;
    this.ended.refused -= other;
    this.#eitherWay = 0;
    const counted = [unauthenticated, handshakes, left.refused, left.unauthorized, left["handshake-failed"]];
    const due = [
      [...inside.values()].filter((socket) => socket.unauthenticated && socket.web?.refused === undefined).length,
      network.handshakes.size,
      ...Object.values(this.ended),
    ];
    if (counted.every((count, index) => count === due[index])) return;
    this.#simulation.violate(
      "accounts",
      `unauthenticated connections, handshakes and those kept out are ${counted}, not ${due}`,
    );
  }

  /** Milliseconds that a handshake may take. */
  get patience(): number {
    return this.#simulation.options.frameTimeout || DEFAULT_PATIENCE;
  }

  /** A client was refused as it came, and is to get an answer. */
  answeredAtDoor(socket: CheckedSocket, hasSlot: boolean): void {
    this.answered(socket.client, false, false);
    this.web.refusedAtDoor(socket, socket.web!, hasSlot);
  }

  /** The core refuses a WebSocket connection that has not joined. */
  rejected(socket: CheckedSocket, reason: string): void {
    if (socket.web!.refused !== undefined || !socket.unauthenticated) {
      return this.#simulation.violate("ends", `${this.#simulation.nameOf(socket)} is refused, and was before`);
    }
    this.ended[reason as "refused"]++;
    this.web.rejected(socket, socket.web!, reason, () => this.#causeIsMissing(socket));
  }

  #causeIsMissing(socket: CheckedSocket): string | undefined {
    const { marks, stops, now } = this.#simulation;
    if (isWrong(socket)) {
      marks.reach(socket.web?.isUpgraded === false ? "wrong request" : "wrong secret");
      return undefined;
    }
    if (socket.sawEnd || socket.sawFinal) {
      marks.reach(socket.proven ? "left while authorize decided" : "left without the secret");
      return undefined;
    }
    const { authorization } = socket;
    if (authorization?.verdict === false) {
      marks.reach("refused by the application");
      return undefined;
    }
    if (authorization?.known) return "the application has let it join";
    if (socket.reported && !socket.proven) return "the core has not read it";
    const deadline = { since: socket.since, timeout: this.patience, at: now };
    const early = stops.tooEarly(socket, "handshake", deadline);
    if (early !== undefined) return `it has sent nothing wrong, and ${early}`;
    marks.reach(socket.proven ? "authorized too late" : "secret too late");
    return undefined;
  }
}

/** Whether the core has read enough of the connection to know that it does not send the secret. */
export function isWrong({ client, bytesRead }: CheckedSocket): boolean {
  return errs(client) && bytesRead >= client.provenAt;
}

/** Whether what a client sends first is wrong. */
function errs({ manner, web }: Client): boolean {
  return manner === "wrong" && (web === undefined || web.request.refusal !== undefined || web.errs);
}
