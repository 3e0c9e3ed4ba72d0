/**
 * What the conformance cases have in common: the adapter under test, how a case is registered, and what many of them do.
 *
 * @module
 */

import { test } from "node:test";
import { createServer, type Server } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { type Adapter, READABLE, type Readiness } from "../../src/contract/adapter.ts";
import type { Address } from "../../src/contract/address.ts";
import { OVER_TCP, type Transport } from "../helpers/transports.ts";
import { pattern } from "../helpers/pattern.ts";
import { FINAL, type Link } from "../helpers/recording_registry.ts";
import { Stage } from "../helpers/stage.ts";
import { pause, rejection, within } from "../helpers/wait.ts";

/** What differs between adapters and may: data, so that it is seen at a glance, and so that nothing else may. */
export interface Differences {
  /** Whether there is a network behind it that raw clients can reach. */
  readonly network: boolean;
  /** The most bytes that a connection without a reader has ready for `read` (rule 5). */
  readonly inbox: number;
  /** How long nothing must happen before we believe that nothing will, in milliseconds. */
  readonly quiet: number;
  /** What the client of a connection that was closed, but not shut down, must see. */
  readonly closed: "a reset" | "an end";
  /** What a reset looks like when nothing is written: a final event by default. */
  readonly reset?: "an end";
}

/** An adapter under test. */
export interface Subject {
  /** Its name in the names of the cases. */
  readonly name: string;
  /** Makes one. Every case has its own. */
  readonly adapter: () => Adapter | Promise<Adapter>;
  /** How bytes travel. Default: over TCP in the clear. */
  readonly transport?: Transport;
  readonly differences: Differences;
}

/** Bytes in a KiB. */
export const KIB = 1024;
/** Bytes in a MiB. */
export const MIB: number = 1024 * KIB;

/** More than the kernel holds between two ends: 4 MiB at the sender, and 6 or 32 at the receiver, as it is set. */
export const KERNEL_LIMIT: number = 48 * MIB;

/** So many bytes are more than one buffer on every adapter. */
export const LONG: number = 8 * MIB;

/** Registers one case, on a stage of its own, which may take so many milliseconds. */
type Check = (fact: string, run: (stage: Stage) => Promise<void>, timeout?: number) => void;

/** What the files of cases are given: one adapter under test, and how a case for it is registered. */
export interface Cases {
  readonly differences: Differences;
  readonly transport: Transport;
  /** Waits as long as it takes to believe that nothing happens. */
  readonly quiet: () => Promise<void>;
  /** Writes until nothing more is taken, as far as that can be known. */
  readonly fill: (link: Link) => Promise<void>;
  /** Fails unless each connection gets one final event, and nothing after it. */
  readonly assertOneFinal: (...links: Link[]) => Promise<void>;
  readonly check: Check;
  /** A case that needs a raw client. */
  readonly checkRaw: Check;
  /** A case that needs a raw client and resets. */
  readonly checkReset: Check;
  /** A case that needs hosts and ports. */
  readonly checkNetwork: Check;
  /** A case that needs a raw client, hosts and ports. */
  readonly checkRawNetwork: Check;
}

/** What registers the cases for one adapter. */
export function casesFor(subject: Subject): Cases {
  const { differences, transport = OVER_TCP } = subject;

  /** Waits as long as it takes to believe that nothing happens. */
  const quiet = (): Promise<void> => pause(differences.quiet);

  /** Writes until nothing more is taken, as far as that can be known. */
  const fill = async (link: Link): Promise<void> => {
    assert(
      await link.fill(KERNEL_LIMIT, differences.quiet),
      `${link.sent} bytes were taken, though the other end does not read`,
    );
  };

  /** Fails unless each connection gets one final event, and nothing after it. */
  const assertOneFinal = async (...links: Link[]): Promise<void> => {
    for (const link of links) await link.final();
    await quiet();
    // An event after the final event is a violation, which the stage reports.
    for (const link of links) assertEquals(link.count(FINAL), 1, "final events");
  };

  /** One case, on a stage of its own. */
  function check(fact: string, run: (stage: Stage) => Promise<void>, timeout = 20_000): void {
    test(`${subject.name}: ${fact}`, { timeout }, async () => {
      const stage = new Stage(await subject.adapter(), transport);
      try {
        await run(stage);
      } catch (error) {
        // The first failure is reported.
        await stage.end().catch(() => {});
        throw error;
      }
      await stage.end();
    });
  }

  /** A case that needs a raw client. */
  function checkRaw(fact: string, run: (stage: Stage) => Promise<void>): void {
    if (differences.network) check(fact, run);
  }

  /**
   * A case that needs a raw client and resets. A Unix socket has none: when the client drops the connection, there is an end,
   * and the writer gets an error.
   */
  function checkReset(fact: string, run: (stage: Stage) => Promise<void>): void {
    if (transport.name !== "unix") checkRaw(fact, run);
  }

  /** A case that needs hosts and ports. */
  function checkNetwork(fact: string, run: (stage: Stage) => Promise<void>): void {
    if (transport.name !== "unix") check(fact, run);
  }

  /** A case that needs a raw client, hosts and ports. */
  function checkRawNetwork(fact: string, run: (stage: Stage) => Promise<void>): void {
    if (transport.name !== "unix") checkRaw(fact, run);
  }

  return {
    differences,
    transport,
    quiet,
    fill,
    assertOneFinal,
    check,
    checkRaw,
    checkReset,
    checkNetwork,
    checkRawNetwork,
  };
}

/** The events for which there is something to read, or the stream is over. */
export const READABLE_OR_END: Readiness = READABLE | FINAL;

/** A write to a connection without room returns a short count, and does not throw. */
export function assertTakesNothing({ socket, sent }: Link): void {
  assertEquals(socket.write(pattern(sent, 10)), 0, "bytes taken");
}

/** Fails unless connecting is refused. */
export async function refused(stage: Stage, address: Address): Promise<void> {
  // A Unix socket's file is gone with its listener.
  const code = address.transport === "unix" ? "ENOENT" : "ECONNREFUSED";
  const registry = stage.recorder();
  const error = await rejection(stage.adapter.connect(address, registry), "connecting to a closed listener");
  assertEquals(error.code, code);
  assertEquals(registry.links.length, 0);
}

/** Waits until a promise has resolved or rejected. */
export async function settled(promise: Promise<unknown>): Promise<void> {
  await within(promise.catch(() => {}), "connect to settle");
}

/** Opens a server that is not mobcast's. */
export function plainServer(port = 0): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => resolve(server));
  });
}

/** The port of a server or an address. */
export function portOf(where: Server | Address): number {
  const address = "transport" in where ? where : where.address();
  assert(address !== null && typeof address === "object" && "port" in address);
  return address.port;
}
