/**
 * What people write where a URL of a listener belongs: a port alone is understood, and for the rest there is a suggestion.
 *
 * @module
 */

/**
 * The URL that a word means: `9000` and `:9000` are a port of this machine, since what is open to the network has to be
 * written out. Any other word is returned as it is.
 */
export function listenUrl(word: string): string {
  const port = /^:?([0-9]+(?:\?.*)?)$/.exec(word)?.[1];
  return port === undefined ? word : `tcp://127.0.0.1:${port}`;
}

/** The URL that was probably meant by a host without a scheme; `undefined` when the word looks like no host. */
export function hostUrl(word: string): string | undefined {
  const host = /^(?:(localhost|\*|\d+(?:\.\d+){3})|\[?([\da-f:]*::[\da-f:]*)\]?)(:\d{1,5})?$/i.exec(word);
  if (host === null) return undefined;
  const [, name, ipv6, port = ""] = host;
  return `tcp://${ipv6 === undefined ? name === "*" ? "0.0.0.0" : name : `[${ipv6}]`}${port}`;
}
