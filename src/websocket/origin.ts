/**
 * Origins: how a browser says which page a request is of.
 *
 * @module
 */

import { refuse } from "../check.ts";

/** The ports that an origin leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/** The check of the option `origins`: a list of origins, each as browsers send it, or `*`. */
export function isOrigin(name: string, value: unknown): void {
  if (!Array.isArray(value)) refuse(name, value, "it is a list of origins such as https://app.example");
  for (const each of value as unknown[]) {
    if (each === "*" || (typeof each === "string" && parseOrigin(each))) continue;
    const path = typeof each === "string" ? /^([a-z][a-z0-9+.-]*:\/\/[^/?#]+)[/?#]/i.exec(each)?.[1] : undefined;
    const way = path !== undefined && parseOrigin(path) ? `, did you mean ${path}` : "";
    refuse(
      name,
      each,
      `an origin is a scheme, a host and a port that is not the default, https://app.example, or *${way}`,
    );
  }
}

/** Reads an origin; `undefined` when it is none, `null` among them. */
export function parseOrigin(origin: string): { readonly text: string; readonly name: string } | undefined {
  const [, scheme, name, port] =
    /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[\w.~%!$&'()*+,;=-]+)(?::([0-9]{1,5}))?$/.exec(origin.toLowerCase()) ??
      [];
  if (scheme === undefined || name === undefined || Number(port ?? 0) > 65535) return undefined;
  const number = port === undefined ? DEFAULT_PORTS[scheme] : String(Number(port));
  return { text: `${scheme}://${name}:${number ?? ""}`, name };
}
