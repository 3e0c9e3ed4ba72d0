/**
 * The bus of the command line, on NATS: loaded only with `--bus`, as the packages are that it needs.
 *
 * @module
 */

import { natsRelay } from "../../nats.ts";
import type { Relay } from "../../src/bus/relay.ts";
import type { BusOfTerminal } from "../../src/cli/terminal.ts";
import { loadNats } from "../nats/library.ts";

/** Connects to the servers of a bus. */
export async function openBus(servers: readonly string[], bus: BusOfTerminal): Promise<Relay> {
  try {
    await loadNats();
  } catch (error) {
    throw Object.assign(error as Error, { code: "BUS_MISSING" });
  }
  return await natsRelay(servers, bus);
}
