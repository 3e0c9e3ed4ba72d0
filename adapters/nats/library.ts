/**
 * The client library of NATS. It is loaded when a bus is used, and by nobody else: it is an optional peer dependency.
 *
 * @module
 */

import type * as Jetstream from "@nats-io/jetstream";
import type * as Transport from "@nats-io/transport-node";
import { listenToLeftSockets } from "./left_sockets.ts";

/** What is used of the library. */
export type NatsLibrary =
  & Pick<
    typeof Transport,
    | "connect"
    | "createInbox"
    | "credsAuthenticator"
    | "nkeyAuthenticator"
    | "tokenAuthenticator"
    | "usernamePasswordAuthenticator"
  >
  & Pick<typeof Jetstream, "AckPolicy" | "DeliverPolicy" | "jetstream" | "jetstreamManager">;

/** Loads it. Rejects with an error that says how it is installed when it is not there. */
export async function loadNats(): Promise<NatsLibrary> {
  try {
    const [transport, jetstream] = await Promise.all([import("@nats-io/transport-node"), import("@nats-io/jetstream")]);
    // Both are CommonJS: what a runtime does not see as a name of its own is in the default.
    const library = { ...named(transport), ...named(jetstream) };
    await listenToLeftSockets(library);
    return library;
  } catch (cause) {
    const packages = "@nats-io/transport-node @nats-io/jetstream";
    throw new Error(`Cannot use a bus: its packages are not there, npm install ${packages}`, { cause });
  }
}

function named<Module extends object>(module: Module): Module {
  return { ...(module as { default?: Module }).default, ...module };
}
