/**
 * WebSocket connections that never join: each gets its answer, and is gone a second later.
 *
 * @module
 */

import { isWrong } from "./admission.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import { LINGER } from "./invariants.ts";
import type { Simulation } from "./simulation.ts";
import type { WebSide } from "./web_side.ts";

/** The most connections that are refused as they come and get an answer. */
const ANSWERS = 64;

/** Checks what happens to them. */
export class WebAdmission {
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** A client was refused as it came. `hasSlot`: it gets an answer. */
  refusedAtDoor(socket: CheckedSocket, web: WebSide, hasSlot: boolean): void {
    const { inside, marks, closing } = this.#simulation;
    const { home: { address }, listener } = socket.client;
    const others = [...inside.values()].filter((other) => other.web?.wasRefusedAtDoor).length;
    web.wasRefusedAtDoor = true;
    const denied = address !== undefined && listener.out.includes(address);
    // A mob that closes does not look at its lists.
    web.refuse("refused", denied && !closing ? [403] : [503]);
    marks.reach("answered as it came");
    // When the mob has closed, nothing would end the answer.
    const mayBeClosed = closing && inside.size === 0;
    if (!hasSlot && others < ANSWERS && !mayBeClosed) this.#wrong(socket, "was refused without an answer");
  }

  /** The core refuses a connection for a reason. */
  rejected(socket: CheckedSocket, web: WebSide, reason: string, causeIsMissing: () => string | undefined): void {
    const { closing, application, options } = this.#simulation;
    const { refusal } = web.speaker.request;
    // One that is to be disconnected at the end of the tick may go before that for a reason of its own.
    const isAsked = reason === "refused" && application?.asked.has(socket.token) === true;
    // A mob that closes answers first what onMessage has disconnected in the same tick.
    const ownStatus = isAsked && !web.isUpgraded && refusal?.reason === "refused" && isWrong(socket) && refusal.status;
    const isWithout = socket.sawFinal || socket.threw || isAsked && !closing && !ownStatus;
    // Which of them goes for the memory of all, is known when they have joined.
    const mayBeForMemory = (options.maxReceiveMemory ?? 0) > 0 && reason === "refused";
    let due = "unauthorized";
    let answers: number[] = web.isUpgraded ? [1008] : [];
    if (closing && !isWithout) {
      due = "refused";
      answers = web.isUpgraded ? [1001] : [503];
    } else if (closing || socket.threw || isAsked) {
      due = "refused";
      // A request may be refused in the tick at whose end its connection is disconnected.
      if (ownStatus) answers = [ownStatus];
    } else if (!web.isUpgraded && refusal !== undefined && isWrong(socket)) {
      due = refusal.reason;
      answers = [refusal.status];
    }
    if (mayBeForMemory && due !== "refused") return web.refuse(reason, []);
    if (reason !== due) this.#wrong(socket, `is refused as ${reason}, not as ${due}`);
    const isOurs = closing || socket.threw || isAsked;
    const missing = isOurs ? undefined : causeIsMissing();
    if (missing !== undefined) this.#wrong(socket, `is turned away: ${missing}`);
    web.refuse(reason, isWithout ? [] : answers);
  }

  /** A connection that never joined is gone. */
  removed(socket: CheckedSocket, web: WebSide): void {
    const { refused } = web;
    const { now, options, closing, application, stops, marks } = this.#simulation;
    if (refused === undefined) return this.#wrong(socket, "is gone, and was not refused");
    const free = socket.sawFinal || socket.threw || closing || application?.asked.has(socket.token) === true;
    if (refused.answers.length === 0 || free) return;
    const waited = stops.awake(refused.at, now);
    const due = Math.min(LINGER, options.drainTimeout);
    if (waited < due) this.#wrong(socket, `is gone ${waited} ms after it was refused`);
    if (!web.isOver && !socket.blocked) this.#wrong(socket, "is gone, and has not got its answer");
    marks.reach(web.isOver ? "gone behind its answer" : "gone without its answer");
  }

  /** Checks a refused connection after a tick. */
  check(socket: CheckedSocket, { refused, isOver, isPending }: WebSide): void {
    const { now, tickDue, stops, options } = this.#simulation;
    const linger = Math.min(LINGER, options.drainTimeout);
    if (now - refused!.at > linger + 10 + stops.excuse(refused!.at)) this.#wrong(socket, "was refused, and stays");
    if (tickDue) return;
    if (isPending && !socket.blocked) this.#wrong(socket, "was refused, and gets no answer");
    if (isOver && !socket.shut) this.#wrong(socket, "has got its answer, and its stream is not ended");
    if (socket.reported) this.#wrong(socket, "was refused, and is not read to its end");
  }

  #wrong(socket: CheckedSocket, what: string): void {
    this.#simulation.violate("refused", `${this.#simulation.nameOf(socket)} ${what}`);
  }
}
