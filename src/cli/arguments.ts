/**
 * Arguments: the URL of a command and what stands beside it.
 *
 * @module
 */

import type { Command } from "commander";
import { parseDestination } from "../client/destination.ts";
import { DEFAULT_URL } from "../contract/address.ts";
import type { FramingName } from "../framing/framing.ts";
import { parseUrl } from "../framing/url.ts";
import { hostUrl, listenUrl } from "./listen_words.ts";
import { commandMeant } from "./suggestions.ts";

/** Refuses a URL that cannot be read, before anything is done. `origin` is where it stands, if not in the arguments. */
export function checkUrl(
  command: Command,
  url: string,
  origin?: string,
  parse: (url: string) => unknown = parseUrl,
): void {
  try {
    parse(url);
  } catch (error) {
    const { message } = error as Error;
    const meant = commandMeant([url], command.parent?.commands.map((other) => other.name()) ?? []);
    const form = hostUrl(listenUrl(url).replace("tcp://", ""));
    const suggestion = message.includes("did you mean") || (meant === undefined && form === undefined)
      ? ""
      : `, did you mean ${meant === undefined ? form : `mobcast ${meant}`}?`;
    command.error(`${origin === undefined ? "" : `${origin}: `}${message}${suggestion}`);
  }
}

/** The options with the framing that the URL names, which the default of `--framing` gives way to. */
export function withFraming<Flags extends { readonly framing: FramingName }>(
  command: Command,
  url: string,
  flags: Flags,
): Flags {
  const { framing } = parseDestination(url);
  if (framing === undefined || framing === flags.framing) return flags;
  const option = command.options.find((each) => each.attributeName() === "framing")!;
  if (command.getOptionValueSource("framing") !== "default") {
    command.error(`option '${option.flags}' is ${flags.framing}, and the URL says ${framing}`);
  }
  if (!option.argChoices!.includes(framing)) {
    command.error(`${url} names framing ${framing}, and ${command.name()} takes ${option.argChoices!.join(", ")}`);
  }
  return { ...flags, framing };
}

/** What looks like a URL, right or wrong. */
const URL_LIKE = /^(?:[a-z][a-z0-9+.-]*:\/\/|unix:|tcp:|tls:)\S*$/i;

/**
 * Tells the URL from the texts: it is the argument that looks like a URL, wherever it stands. The last `literal` arguments,
 * those after `--`, are texts whatever they look like. Without texts, or with `-`, they come from standard input.
 */
export function splitTexts(
  command: Command,
  args: readonly string[],
  literal: number,
): { readonly url: string; readonly texts: readonly string[] } {
  const end = args.length - literal;
  const isUrl = (text: string, index: number): boolean => index < end && URL_LIKE.test(text);
  const urls = args.filter(isUrl);
  if (urls.length > 1) {
    command.error(`there are two URLs, ${urls[0]} and ${urls[1]}: text that looks like a URL goes after --`);
  }
  const form = end > 0 && urls.length === 0 && args.length > 1 ? addressLike(args[0]!) : undefined;
  if (form !== undefined) {
    command.error(`'${args[0]}' is no URL, did you mean ${form}? As a text, it goes after --`);
  }
  const texts = args.filter((text, index) => !isUrl(text, index));
  const dash = args.indexOf("-");
  const isFromInput = dash !== -1 && dash < end;
  if (isFromInput && texts.length > 1) {
    command.error(
      "there are both - for standard input and TEXT: messages come from one of them, a text - goes after --",
    );
  }
  return { url: urls[0] ?? DEFAULT_URL, texts: isFromInput ? [] : texts };
}

/** The URL that a host and port before a text was probably meant to be. */
function addressLike(text: string): string | undefined {
  return /:\d{1,5}$/.test(text) ? hostUrl(text) : undefined;
}
