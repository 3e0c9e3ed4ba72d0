/**
 * The terms of a bus, as its stream in NATS has them: one that is there is never changed, and what does not fit is named.
 *
 * @module
 */

import type { StreamTerms } from "../../src/contract/bus_stream.ts";
import { type NatsOptions, STREAM_DEFAULTS } from "./options.ts";

/** For how long NATS remembers the ids of messages, in nanoseconds. */
const DUPLICATE_WINDOW = 120e9;

/** The configuration of a stream, as far as it matters, with strings where the library has enumerations. */
export interface StreamShape {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly description?: string;
  readonly retention: string;
  readonly discard: string;
  readonly storage: string;
  readonly num_replicas: number;
  readonly max_bytes: number;
  readonly duplicate_window?: number;
  readonly no_ack?: boolean;
  readonly sealed?: boolean;
  readonly mirror?: unknown;
  readonly sources?: readonly unknown[];
}

/** The stream of a bus. */
export function streamOf(name: string): string {
  return `mobcast_${name}`;
}

/** The subject of a bus. */
export function subjectOf(name: string): string {
  return `mobcast.${name}`;
}

/** What a mob has to know of the others stands in the description, since servers before 2.10 have no other place. */
function description({ framing, maxFrame }: StreamTerms): string {
  return `mobcast, framing ${framing}, maxFrame ${maxFrame}`;
}

/** The configuration of a new stream. */
export function newStream(options: NatsOptions, terms: StreamTerms): StreamShape {
  const { storage, replicas, keep } = STREAM_DEFAULTS;
  return {
    name: streamOf(options.name),
    subjects: [subjectOf(options.name)],
    description: description(terms),
    retention: "limits",
    discard: "old",
    storage: options.storage ?? storage,
    num_replicas: options.replicas ?? replicas,
    max_bytes: options.keep ?? keep,
    duplicate_window: DUPLICATE_WINDOW,
  };
}

/** Throws an `Error` that names what does not fit, when a stream is not what this mob needs. */
export function checkStream(config: StreamShape, options: NatsOptions, terms: StreamTerms): void {
  const { name, storage, replicas, keep } = options;
  const refuse = (what: string, ours: string): never => {
    throw new Error(`Cannot join bus ${name}: its stream ${config.name} has ${what}, and this mob ${ours}`);
  };
  const its = /^mobcast, framing (\w+), maxFrame (\d+)$/.exec(config.description ?? "");
  if (!its) refuse(`the description ${JSON.stringify(config.description ?? "")}`, "uses streams that a mob has made");
  const [, framing, maxFrame] = its!;
  if (framing !== terms.framing) refuse(`framing ${framing}`, `has ${terms.framing}`);
  if (Number(maxFrame) !== terms.maxFrame) refuse(`maxFrame ${maxFrame}`, `has ${terms.maxFrame}`);
  const subjects = config.subjects ?? [];
  if (subjects.join() !== subjectOf(name)) {
    refuse(`the subjects ${subjects.join(", ")}`, `needs ${subjectOf(name)} alone`);
  }
  if (config.retention !== "limits") refuse(`retention ${config.retention}`, "needs limits");
  if (config.discard !== "old") refuse(`discard ${config.discard}`, "needs old");
  if (config.no_ack) refuse("no acknowledgements (no_ack)", "needs them");
  if (config.sealed) refuse("been sealed", "appends to it");
  if (config.mirror || config.sources?.length) refuse("another stream as its source", "needs one of its own");
  if (storage !== undefined && config.storage !== storage) refuse(`storage ${config.storage}`, `asks for ${storage}`);
  if (replicas !== undefined && config.num_replicas !== replicas) {
    refuse(`${config.num_replicas} replicas`, `asks for ${replicas}`);
  }
  if (keep !== undefined && config.max_bytes !== keep) refuse(`${config.max_bytes} bytes to keep`, `asks for ${keep}`);
}
