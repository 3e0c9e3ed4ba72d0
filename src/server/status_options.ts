/**
 * The options of a status listener, checked. Loaded with the first one, since most mobs have none.
 *
 * @module
 */

import { checkOptions, type Checks, kindOf, refuse, shown } from "../check.ts";
import { type Address, formatAddress, parseAddress } from "../contract/address.ts";
import { isHosts } from "../status/guard.ts";
import { type StatusListenerOptions, transportChecks } from "./mob_options.ts";
import { isList } from "./options.ts";

/** What `serve({ status })` and `mob.serveStatus` take. */
export type StatusOption = string | URL | StatusListenerOptions;

/** A checked {@link StatusOption}. */
export interface CheckedStatus extends Omit<StatusListenerOptions, "url"> {
  /** Its URL, as it was given. */
  readonly text: string;
  /** Where it leads. */
  readonly address: Address;
}

/** How the errors of a status listener begin. */
export const CANNOT = "Cannot serve the status on";

const EXAMPLE = "http://127.0.0.1:9100";

/** Checks the options of a status listener. Throws a `TypeError` that names what is wrong, or of no use. */
export function checkStatus(status: StatusOption): CheckedStatus {
  const options = kindOf(status) === "Object" ? status as StatusListenerOptions : { url: status as string | URL };
  const checks: Checks = { ...transportChecks(), url: () => {}, allow: isList, deny: isList, hosts: isHosts };
  const { url, ...given } = checkOptions("a status listener", options, checks, "status.");
  if (typeof url !== "string" && kindOf(url) !== "URL") {
    throw new TypeError(`${CANNOT} ${shown(url)}: a URL is a string such as ${EXAMPLE}`);
  }
  const text = String(url);
  const address = addressOf(text);
  const { transport } = address;
  const useless = (name: keyof typeof given, why: string): void => {
    if (given[name] !== undefined) refuse(`status.${name}`, given[name], why);
  };
  if (transport !== "tls") useless("tls", `${text} is not over TLS`);
  if (transport !== "unix") useless("unixMode", `${text} is no Unix socket`);
  else for (const name of ["allow", "deny"] as const) useless(name, `clients of a Unix socket have no address`);
  return { ...given, text, address };
}

/** Reads the URL of a status listener. The default port of `http:` is 80, and that of `https:` 443 (RFC 9110, 4.2). */
function addressOf(text: string): Address {
  const [, secure, rest = ""] = /^http(s?):\/\/([^/]*)\/?$/i.exec(text) ?? [];
  const transport = secure ? "tls" : "tcp";
  const url = secure === undefined
    ? text
    : `${transport}://${rest}${/:\d+$/.test(rest) ? "" : transport === "tls" ? ":443" : ":80"}`;
  try {
    if (secure !== undefined || /^unix:/i.test(text)) return parseAddress(url);
  } catch (error) {
    const why = (error as Error).message.replace(/^Cannot parse URL "(?:[^"\\]|\\.)*": /, "");
    throw new TypeError(`${CANNOT} ${JSON.stringify(text)}: ${why.replace(/^a URL looks like.*/, LOOKS)}`);
  }
  const host = /^(?:tcp:\/\/)?((?:\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5})\/?$/i.exec(text)?.[1];
  const meant = /^:?\d{1,5}$/.test(text) ? `127.0.0.1:${text.replace(":", "")}` : host;
  const why = /^https?:/i.test(text) ? "it has a path, leave it out" : LOOKS;
  throw new TypeError(`${CANNOT} ${JSON.stringify(text)}: ${why}${meant ? `, did you mean http://${meant}` : ""}`);
}

const LOOKS = `its URL looks like ${EXAMPLE}, https://mob.example:9100 or unix:///run/status.sock`;

/** The URL of an address: the opposite of what {@link checkStatus} reads. */
export function statusUrlOf(address: Address): string {
  const url = formatAddress(address);
  return address.transport === "unix"
    ? url
    : `${url.replace(/^t(cp|ls)/, (scheme) => scheme === "tls" ? "https" : "http")}/`;
}
