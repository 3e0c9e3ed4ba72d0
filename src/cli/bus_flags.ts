/**
 * Flags of the bus of `serve`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { flagOf, rangeOption } from "./flags.ts";
import { refuse } from "./listener_flags.ts";

/** Where the bus is, as the URL says it. */
export interface BusPlace {
  /** The URLs of the servers, each with its port: `nats://127.0.0.1:4222`. */
  readonly servers: readonly string[];
  /** Whether they are over TLS. */
  readonly isSecure: boolean;
  /** The name of the bus. */
  readonly name: string;
}

/** The options of `serve` about its bus. */
export interface BusFlags {
  /** The servers and the name of the bus; `undefined`: there is none. */
  readonly bus?: BusPlace | undefined;
  /** Where the engine keeps the stream. */
  readonly busStorage?: BusStorage | undefined;
  /** On how many servers. */
  readonly busReplicas?: number | undefined;
  /** How many bytes of it. */
  readonly busKeep?: number | undefined;
  /** A file whose first line is a token. */
  readonly busTokenFile?: string | undefined;
  /** A file whose first line is USER:PASSWORD. */
  readonly busUserFile?: string | undefined;
  /** A file with the seed of an nkey. */
  readonly busNkeyFile?: string | undefined;
  /** A file of credentials, with a JWT and a seed. */
  readonly busCreds?: string | undefined;
  /** A file with authorities. */
  readonly busCa?: string | undefined;
  /** A file with a certificate. */
  readonly busCert?: string | undefined;
  /** A file with the certificate's key. */
  readonly busKey?: string | undefined;
}

/** Where the engine keeps the stream of a bus. */
export type BusStorage = "memory" | "file";

/** The values of `--bus-storage`. */
const STORAGES: readonly BusStorage[] = ["memory", "file"];

/** The options that say who this mob is: of these there is one. */
const IDENTITIES = ["busTokenFile", "busUserFile", "busNkeyFile", "busCreds"] as const;

/** Those of TLS. */
const CERTIFICATES = ["busCa", "busCert", "busKey"] as const;

/** All but the URL. */
const OTHERS = ["busStorage", "busReplicas", "busKeep", ...IDENTITIES, ...CERTIFICATES] as const;

/** The port of a server of NATS. */
const PORT = 4222;

/** What a bus looks like. */
const LOOKS = "It is servers of NATS and a name, such as nats://127.0.0.1:4222/chat or tls://a,b,c/chat.";

/** Adds them. The help has one line for all, so that it fits on a screen. */
export function addBusOptions(command: Command): Command {
  command.addOption(
    new Option("--bus <url>", "a bus, nats://a,b/NAME (--bus-...), or threads: --bus-local").argParser(parseBus)
      .default(undefined, "none"),
  );
  const hidden: readonly Option[] = [
    new Option("--bus-storage <word>", "where the engine keeps the stream").choices(STORAGES),
    rangeOption("--bus-replicas", "count", "on how many servers it keeps the stream", { min: 1, max: 5 }),
    rangeOption("--bus-keep", "size", "how much of the stream it keeps", { min: 4 * 2 ** 20, max: 2 ** 40 }),
    new Option("--bus-token-file <file>", "its first line is the token for the servers of the bus"),
    new Option("--bus-user-file <file>", "its first line is USER:PASSWORD for the servers of the bus"),
    new Option("--bus-nkey-file <file>", "its first line is the seed of an nkey for the servers of the bus"),
    new Option("--bus-creds <file>", "credentials for the servers of the bus"),
    new Option("--bus-ca <file>", "authorities of the servers of the bus, as PEM"),
    new Option("--bus-cert <file>", "the certificate for the servers of the bus, as PEM"),
    new Option("--bus-key <file>", "the private key of that certificate"),
  ];
  for (const option of hidden) command.addOption(option.hideHelp());
  return command;
}

/** Refuses options of the bus that need another one, or exclude each other. */
export function checkBusFlags(command: Command, flags: BusFlags): void {
  const { bus } = flags;
  const given = (name: keyof BusFlags): boolean => flags[name] !== undefined;
  if (bus === undefined) {
    for (const name of OTHERS) if (given(name)) refuse(command, name, "is of no use: there is no --bus");
    return;
  }
  for (const name of CERTIFICATES) {
    if (!bus.isSecure && given(name)) refuse(command, name, "is of no use: --bus does not begin with tls:");
  }
  for (const [name, other] of [["busCert", "busKey"], ["busKey", "busCert"]] as const) {
    if (!given(name) && given(other)) refuse(command, name, `is missing: ${flagOf(other)} needs it`);
  }
  const [first, second] = IDENTITIES.filter(given);
  if (second !== undefined) refuse(command, second, `is one too many: there is ${flagOf(first!)}`);
}

function parseBus(text: string): BusPlace {
  const wrong = (why: string): never => {
    throw new InvalidArgumentError(why);
  };
  const [, scheme = "", hosts = "", name = ""] = /^(nats|tls):\/\/([^/?#]+)\/([^/?#]*)$/i.exec(text) ?? wrong(LOOKS);
  if (hosts.includes("@")) {
    wrong("User and password do not belong into a URL, which others see: give --bus-user-file or --bus-token-file.");
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    wrong(`The name of a bus is 1 to 64 letters, digits, - and _, not ${JSON.stringify(name)}.`);
  }
  const servers = hosts.split(",").map((host) =>
    serverOf(host) ?? wrong(`${JSON.stringify(host)} is no server. ${LOOKS}`)
  );
  const isSecure = scheme.toLowerCase() === "tls";
  return { servers: servers.map((server) => `${isSecure ? "tls" : "nats"}://${server}`), isSecure, name };
}

/** A host with its port. */
function serverOf(text: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?$/i.exec(text.trim());
  if (match === null) return undefined;
  const port = Number(match[2] ?? PORT);
  return port >= 1 && port <= 65_535 ? `${match[1]}:${port}` : undefined;
}
