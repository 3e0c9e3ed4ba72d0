/**
 * The bus of `serve`: loaded only with `--bus`.
 *
 * @module
 */

import { checkBusExposure } from "../admission/exposure.ts";
import type { Relay } from "../bus/relay.ts";
import type { BusFlags } from "./bus_flags.ts";
import type { Credentials } from "./credentials.ts";
import { attempt, Failure, Usage } from "./session.ts";
import type { BusOfTerminal, Terminal } from "./terminal.ts";

/** What joins a mob to the bus of the flags. Throws a {@link Usage} when the packages for it are not installed. */
export async function openBus(terminal: Terminal, flags: BusFlags, files: Credentials): Promise<Relay> {
  const { servers, isSecure } = flags.bus!;
  const bus = await attempt(busOf(flags, files));
  const sendsSecret = bus.token !== undefined || bus.user !== undefined;
  if (!isSecure) await attempt(Promise.resolve().then(() => checkBusExposure(servers, sendsSecret)));
  try {
    return await terminal.openBus(servers, bus);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const message = (error as Error).message.replace(
      /^Cannot use option creds/,
      `Cannot use --bus-creds ${flags.busCreds}`,
    );
    throw code === "BUS_MISSING" ? new Usage(message) : new Failure(message, { cause: error });
  }
}

/** The bus, and who this mob is for its servers. */
async function busOf(flags: BusFlags, files: Credentials): Promise<BusOfTerminal> {
  const { bus, busStorage: storage, busReplicas: replicas, busKeep: keep } = flags;
  const { busTokenFile, busUserFile, busNkeyFile, busCreds, busCa, busCert, busKey } = flags;
  const user = await files.user(busUserFile);
  return {
    name: bus!.name,
    storage,
    replicas,
    keep,
    token: await files.secret(busTokenFile),
    user: user?.name,
    password: user?.password,
    nkey: await files.secret(busNkeyFile),
    creds: await files.whole(busCreds),
    tls: await files.forBus(busCa, busCert, busKey),
  };
}
