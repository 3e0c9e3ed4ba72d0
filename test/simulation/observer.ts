/**
 * The observer: hears from the core what joins, leaves and is published, and takes it into the model.
 *
 * @module
 */

import { segmentSizeFor } from "../../src/broadcast/log.ts";
import { formatToken, type Token } from "../../src/contract/token.ts";
import { concat } from "../helpers/bytes.ts";
import type { FeedName } from "./feeds.ts";
import type { Author } from "./image.ts";
import type { Probe } from "./probe.ts";
import type { Simulation } from "./simulation.ts";

/** What the core does in one world. */
export class Observer implements Probe {
  /** Bytes published in this tick. */
  newFrameBytes = 0;
  lookups = 0;
  walks = 0;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** A tick begins, with these bytes that were published before and not written. */
  beforeTick(unwritten: number): void {
    this.lookups = this.walks = 0;
    this.newFrameBytes = unwritten;
  }

  /** The core lets a connection join. Before that it was unauthenticated, or it has just come. */
  joined(token: Token): void {
    const socket = this.#simulation.inside.get(token);
    if (socket?.unauthenticated) this.#simulation.application?.authorizer.joined(socket);
  }

  /** The author of what comes from a connection; `undefined` is the application. */
  authorOf(token: Token | undefined): Author | undefined {
    const { application, inside, members } = this.#simulation;
    if (token === undefined) return application?.author;
    return inside.get(token)?.client.author ?? members.find((member) => member.token === token)?.author;
  }

  /** The core published something, of a connection or of the application. */
  published(token: Token | undefined, bytes: Uint8Array, start: number, end: number, count: number): void {
    const simulation = this.#simulation;
    const socket = token === undefined ? undefined : simulation.inside.get(token);
    const author = this.authorOf(token);
    this.newFrameBytes += end - start;
    simulation.moved += end - start;
    simulation.trace.note("publish", token ?? 0, end - start, count);
    if (socket?.unauthenticated) {
      const name = simulation.nameOf(socket);
      simulation.violate("unauthenticated", `published from ${name}, an unauthenticated connection`);
    }
    if (socket?.sawFinal) simulation.marks.reach("published behind a final event");
    const wrong = author === undefined
      ? `published from ${token === undefined ? "the application" : formatToken(token)}, which is no connection`
      : simulation.application?.refuses(token, author, count) ?? this.#publish(author, bytes, start, end, count);
    if (wrong !== undefined) simulation.violate("published once, in order", wrong);
  }

  #publish(author: Author, bytes: Uint8Array, start: number, end: number, count: number): string | undefined {
    const { application, hasSeveralFramings, inside, members, options, marks, model } = this.#simulation;
    const used = new Set<FeedName>();
    const isOwn = author === application?.author;
    if (hasSeveralFramings || isOwn) {
      for (const { unauthenticated, client } of inside.values()) {
        if (!unauthenticated) used.add(client.author.framing.name);
      }
      if (members.some((member) => member.inside)) used.add(options.framing);
    }
    if (isOwn) application!.published(end - start, used.size);
    // The feed of a connection has at least that one.
    else used.add(author.framing.name);
    if (used.size > 1) marks.reach("several framings");
    // What joins later receives what was published before, so every feed has it.
    if (options.history > 0) { for (const { framing: { name } } of model.images) used.add(name); }
    return model.publish(author, bytes, start, end, count, (framing) => used.has(framing), (carried) => {
      marks.reach(carried ? "re-framed" : "not carried");
    });
  }

  /** The core published a frame that came in pieces. */
  publishedPieces(token: Token, pieces: readonly Uint8Array[], length: number): void {
    const { marks, options } = this.#simulation;
    // A small frame that came in parts is one piece: the copy of its parts.
    const large = pieces.length > 1;
    if (large) {
      marks.reach(pieces.length > 2 ? "frame in many pieces" : "frame in two pieces");
      // A copy begins its buffer.
      if (pieces.some(({ byteOffset }) => byteOffset > 0)) marks.reach("piece as it lay");
      const segment = segmentSizeFor(options.maxLag);
      if (length > segment) marks.reach("pieces over one segment");
      if (length > 3 * segment) marks.reach("pieces over three segments");
    }
    const bytes = concat(...pieces);
    if (bytes.length !== length) {
      this.#simulation.violate(
        "published once, in order",
        `pieces of ${bytes.length} bytes are published as ${length}`,
      );
    }
    const before = marks.counts["re-framed"];
    this.published(token, bytes, 0, length, 1);
    if (large && marks.counts["re-framed"] > before) marks.reach("re-framed from pieces");
  }

  /** A connection begins to leave. What follows for other connections than those of WebSocket is known otherwise. */
  leaving(token: Token, reason: string, ending: Uint8Array | undefined): void {
    const { application, checker, inside } = this.#simulation;
    const socket = inside.get(token);
    if (socket?.web === undefined) return;
    checker.leaving(socket, reason);
    if (application?.asked.has(token)) application.disconnected(socket);
    socket.stream.end();
    socket.web.leaves(reason, ending);
  }

  /** A client that has not joined is counted. */
  turnedAway(reason: string): void {
    this.#simulation.watcher?.turnedAway(reason);
  }

  /** A connection is refused. */
  rejected(token: Token, reason: string): void {
    const { admission, inside } = this.#simulation;
    const socket = inside.get(token);
    const counted = reason === "unauthorized" || reason === "handshake-failed" ? reason : "refused";
    if (socket?.web !== undefined) admission.rejected(socket, counted);
  }

  /** A connection is given a control frame. */
  control(token: Token, frame: Uint8Array): void {
    this.#simulation.inside.get(token)?.web?.control(frame);
  }

  /** A feed ends the message that it collects. */
  sealed(feed: string): void {
    if (feed === "mobcast.u64") this.#simulation.model.image(feed).seal();
  }
}
