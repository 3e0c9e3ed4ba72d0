/**
 * Flags of listeners and clients: certificates, secrets and access lists.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseUrl } from "../framing/url.ts";
import { flagOf, rangeOption } from "./flags.ts";
import { isOrigin } from "../websocket/origin.ts";
import { parseDestination } from "../client/destination.ts";
import { CONNECT_TIMEOUT } from "../client/dial.ts";
import { LONGEST_TIMER } from "../check.ts";
import { originOf } from "./settings.ts";

/** The options of every client. */
export interface ClientFlags {
  /** A file with authorities. */
  readonly ca?: string | undefined;
  /** A file with a certificate. */
  readonly cert?: string | undefined;
  /** A file with the certificate's key. */
  readonly key?: string | undefined;
  /** How long making one connection may take, in milliseconds. */
  readonly connectTimeout?: number | undefined;
  /** The name that the server's certificate must have. */
  readonly servername?: string | undefined;
  /** A file with the secret of the mob. */
  readonly secretFile?: string | undefined;
}

/** The options of `serve` about its listeners. */
export interface ListenerFlags extends Omit<ClientFlags, "servername" | "connectTimeout"> {
  /** The mode bits of a Unix socket's file. */
  readonly unixMode?: number | undefined;
  /** The addresses that may connect, as IP addresses and CIDR blocks. */
  readonly allow: readonly string[];
  /** The addresses that may not connect. */
  readonly deny: readonly string[];
  /** The origins of pages that may connect to a WebSocket listener. */
  readonly origin: readonly string[];
}

/** Adds the options of `serve`. */
export function addListenerOptions(command: Command): Command {
  return command
    .option("--cert <file>", "tls: the certificate with intermediate ones, as PEM")
    .option("--key <file>", "tls: the private key of the certificate, as PEM")
    .option(
      "--ca <file>",
      "tls: authorities; clients need a certificate by one",
    )
    .addOption(
      new Option("--unix-mode <mode>", "unix: mode bits of the socket's file (0600)").argParser(
        parseMode,
      ),
    )
    .addOption(blocksOption("--allow", "addresses that may connect", "all"))
    .addOption(blocksOption("--deny", "addresses that may not, even if allowed", "none"))
    .addOption(originsOption())
    .option("--secret-file <file>", "its first line is what clients have to send first");
}

/** Adds the options of a client. */
export function addClientOptions(command: Command): Command {
  return addTlsClientOptions(command, "tls")
    .option("--secret-file <file>", "its first line is the secret to send first");
}

/** Adds the options of a client about its connection. `scheme` is that of the URLs which have certificates. */
export function addTlsClientOptions(command: Command, scheme: "tls" | "https"): Command {
  return command
    .addOption(
      rangeOption("--connect-timeout", "duration", "how long connecting may take", {
        min: 1,
        max: LONGEST_TIMER,
      }).default(CONNECT_TIMEOUT, "10s"),
    )
    .option("--ca <file>", `${scheme}: authorities, as PEM (the runtime's)`)
    .option("--cert <file>", `${scheme}: the client's certificate, as PEM`)
    .option("--key <file>", `${scheme}: the private key of the certificate`)
    .option("--servername <name>", `${scheme}: the server's name (the URL's host)`);
}

/** Refuses listener options that need another option, or a listener that is missing. `status`: that of the status listener. */
export function checkListeners(
  command: Command,
  urls: readonly string[],
  flags: ListenerFlags,
  status: string | undefined,
): void {
  const transports = [...urls.map((url) => parseUrl(url).address.transport), ...status === undefined ? [] : [status]];
  checkUse(command, flags, ["cert", "key", "ca"], "tls", transports);
  checkUse(command, flags, ["unixMode"], "unix", transports);
  if (flags.origin.length > 0 && !urls.some((url) => parseUrl(url).webSocket)) {
    refuse(command, "origin", "is of no use: no URL begins with ws: or wss:");
  }
  for (const name of ["cert", "key"] as const) {
    if (transports.includes("tls") && flags[name] === undefined) {
      refuse(command, name, "is missing: a tls:, wss: or https: listener needs it");
    }
  }
}

/** Refuses client options that need another option, or another kind of URL. */
export function checkClient(command: Command, url: string, flags: ClientFlags): void {
  checkCertificates(command, "tls", parseDestination(url).address.transport, flags);
}

/** The same for a client of HTTP. */
export function checkHttpClient(command: Command, protocol: string, flags: ClientFlags): void {
  checkCertificates(command, "https", protocol, flags);
}

function checkCertificates(command: Command, secure: string, transport: string, flags: ClientFlags): void {
  checkUse(command, flags, ["ca", "cert", "key", "servername"], secure, [transport]);
  for (const [name, other] of [["cert", "key"], ["key", "cert"]] as const) {
    if (flags[name] === undefined && flags[other] !== undefined) {
      refuse(command, name, `is missing: ${flagOf(other)} needs it`);
    }
  }
}

/** Refuses options without effect: a server with a certificate must not serve in the clear by mistake. */
function checkUse<Flags>(
  command: Command,
  flags: Flags,
  names: readonly (keyof Flags & string)[],
  transport: string,
  transports: readonly string[],
): void {
  if (transports.includes(transport)) return;
  for (const name of names) {
    if (flags[name] !== undefined) refuse(command, name, `is of no use: no URL begins with ${transport}:`);
  }
}

/** Refuses an option, by the name under which it was given. */
export function refuse(command: Command, name: string, reason: string): never {
  const option = command.options.find((each) => each.attributeName() === name);
  const origin = originOf(command, name);
  const flag = option?.flags ?? flagOf(name);
  return command.error(`${origin === flagOf(name) ? `option '${flag}'` : origin} ${reason}`);
}

/** Several values, in one option with commas between them, or in several options. */
export function blocksOption(flag: string, about: string, byDefault: string): Option {
  return new Option(`${flag} <cidr,...>`, about)
    .argParser((text: string, before: readonly string[]) => {
      const blocks = text.split(",").map((block) => block.trim());
      if (blocks.includes("")) throw new InvalidArgumentError("It is addresses and blocks such as 10.0.0.0/8,::1.");
      return [...before, ...blocks];
    })
    .default([], byDefault);
}

/** The same for origins. */
function originsOption(): Option {
  return new Option("--origin <url,...>", "ws: pages that may connect, * for any")
    .argParser((text: string, before: readonly string[]) => {
      const origins = text.split(",").map((origin) => origin.trim());
      try {
        isOrigin("origin", origins);
      } catch (error) {
        throw new InvalidArgumentError(`${(error as Error).message.replace(/^Cannot use [^:]*: /, "")}.`);
      }
      return [...before, ...origins];
    })
    .default([], "same host");
}

function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return parseInt(text, 8);
  throw new InvalidArgumentError("It is an octal mode such as 0660.");
}
