/**
 * The options of a bus on NATS, and what the client library gets of them.
 *
 * @module
 */

import type { ConnectionOptions } from "@nats-io/transport-node";
import {
  cannotUse,
  checkOptions,
  type Checks,
  isOneOf,
  isSecretText,
  isString,
  isTls,
  isWhole,
  refuse,
  shown,
} from "../../src/check.ts";
import type { NatsLibrary } from "./library.ts";

/** The certificates of a connection to NATS, as PEM text. */
export interface NatsTls {
  /** Authorities that may have signed the certificate of a server. Default: those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** The certificate of this mob, for servers that ask for one. */
  readonly cert?: string | undefined;
  /** The private key of the certificate. */
  readonly key?: string | undefined;
}

/** The options of `natsRelay`. */
export interface NatsOptions {
  /**
   * The name of the bus: letters, digits, `-` and `_`. Mobs of one name share one order. Its stream is `mobcast_NAME`, on the
   * subject `mobcast.NAME`.
   */
  readonly name: string;
  /** Where NATS keeps the stream when it is made. Default `memory`; a stream that is there must be of this storage, if given. */
  readonly storage?: "memory" | "file" | undefined;
  /** How many servers of a cluster have the stream when it is made, 1 to 5. Default 1; the same holds. */
  readonly replicas?: number | undefined;
  /**
   * How many bytes the stream keeps when it is made. A mob that is further behind misses frames, and says so. Default
   * 64 MiB; the same holds.
   */
  readonly keep?: number | undefined;
  /** A token for the servers. */
  readonly token?: string | undefined;
  /** A user. */
  readonly user?: string | undefined;
  /** The user's password. */
  readonly password?: string | undefined;
  /** The seed of an nkey: `SU...`. */
  readonly nkey?: string | undefined;
  /** The text of a credentials file: a JWT and the seed of its nkey. */
  readonly creds?: string | undefined;
  /** Certificates. With them, or with `tls:` in a URL, servers must have TLS. */
  readonly tls?: NatsTls | undefined;
}

/** What a stream has when it is made and nothing else is asked for. */
export const STREAM_DEFAULTS: { readonly storage: string; readonly replicas: number; readonly keep: number } = {
  storage: "memory",
  replicas: 1,
  keep: 64 * 2 ** 20,
};

/** The smallest `keep`: a few messages of the largest size. */
const LEAST_KEEP = 4 * 2 ** 20;

const isName = (name: string, value: unknown): void => {
  const fits = typeof value === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(value);
  if (!fits) refuse(name, value, "it is 1 to 64 letters, digits, - and _");
};

/** Two texts between lines of dashes, as `nsc` writes them. What is in them the library and the server find out. */
const isCredentials = (name: string, value: unknown): void => {
  isSecretText(name, value);
  const blocks = (value as string).match(/^-{3,}[^\n]*-{3,}\s*\n\s*[\w.-]+\s*\n\s*-{3,}[^\n]*-{3,}/gm) ?? [];
  if (blocks.length < 2) {
    cannotUse(
      `option ${name}`,
      "it is the text of a file of credentials, with a JWT and a seed between lines of dashes",
    );
  }
};

const CHECKS: Checks = {
  name: isName,
  storage: isOneOf(["memory", "file"]),
  replicas: isWhole("servers", 1, 5),
  keep: isWhole("bytes", LEAST_KEEP, Number.MAX_SAFE_INTEGER),
  token: isSecretText,
  user: isString,
  password: isSecretText,
  nkey: isSecretText,
  creds: isCredentials,
  tls: isTls("ca", "cert", "key"),
};

/**
 * The options, checked. Throws a `TypeError` or a `RangeError` that names what is wrong; secrets are not shown.
 */
export function checkNatsOptions(given: NatsOptions): NatsOptions {
  const options = checkOptions("natsRelay", given, CHECKS);
  isName("name", options.name);
  const { user, password, tls } = options;
  const ways = (["token", "user", "nkey", "creds"] as const).filter((way) => options[way] !== undefined);
  if (ways.length > 1) cannotUse(`options ${ways.join(" and ")}`, "a server takes one of them");
  if (password !== undefined && user === undefined) {
    cannotUse("option password", "it is that of a user, and there is none");
  }
  if (tls && (tls.cert === undefined) !== (tls.key === undefined)) {
    cannotUse("option tls", "a certificate has a key: it has cert and key, or neither");
  }
  return options;
}

/** The URLs of servers, checked: `nats://host:4222`, `tls://host`. Throws a `TypeError` for another. */
export function checkServers(given: string | readonly string[]): string[] {
  const servers = typeof given === "string" ? [given] : given;
  if (!Array.isArray(servers) || servers.length === 0) {
    refuse("servers", given, "they are URLs like nats://host:4222, one at least");
  }
  for (const server of servers) checkServer(server);
  return [...servers];
}

function checkServer(server: unknown): void {
  const form = "it is like nats://host:4222 or tls://host";
  if (typeof server !== "string") refuse("server", server, form);
  const match = /^(?:nats|tls):\/\/(?:[^@/?#]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]]+)(?::(\d{1,5}))?\/?$/.exec(server);
  // What stands before an @ is a secret.
  if (server.includes("@")) cannotUse("a server's URL with a user in it", "user and password, or token, are options");
  const port = Number(match?.[1] ?? 4222);
  if (!match || port < 1 || port > 65535) cannotUse(`server ${shown(server)}`, form);
}

/** How long one attempt to connect may take, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/** What the client library gets. */
export function connectionOptions(
  library: NatsLibrary,
  servers: readonly string[],
  { name, token, user, password, nkey, creds, tls }: NatsOptions,
): ConnectionOptions {
  const utf8 = new TextEncoder();
  const authenticator = token !== undefined
    ? library.tokenAuthenticator(token)
    : user !== undefined
    ? library.usernamePasswordAuthenticator(user, password)
    : nkey !== undefined
    ? library.nkeyAuthenticator(utf8.encode(nkey.trim()))
    : creds !== undefined
    ? library.credsAuthenticator(utf8.encode(creds))
    : undefined;
  const wantsTls = tls !== undefined || servers.some((server) => server.startsWith("tls:"));
  return {
    servers: servers.map((server) => server.replace(/^tls:/, "nats:").replace(/\/$/, "")),
    name: `mobcast ${name}`,
    timeout: CONNECT_TIMEOUT,
    // It tries for ever, also servers that refuse it: they may have been given another configuration by mistake.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    reconnectJitterTLS: 100,
    // A server that is stopped is noticed after four to six seconds.
    pingInterval: 2_000,
    maxPingOut: 2,
    ...(authenticator ? { authenticator } : {}),
    ...(wantsTls ? { tls: tlsOptions(tls) } : {}),
  };
}

function tlsOptions({ ca, cert, key }: NatsTls = {}): { ca?: string; cert?: string; key?: string } {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
