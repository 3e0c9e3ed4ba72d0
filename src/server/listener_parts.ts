/**
 * The parts of a listener that are loaded only for one that needs them.
 *
 * @module
 */

import { isLocal } from "../admission/access_list.ts";
import type { checkExposure } from "../admission/exposure.ts";
import type { HandshakeStep } from "../admission/handshake.ts";
import type { Protocol } from "../admission/protocol.ts";
import type { Numbering } from "../framing/hello.ts";
import { FRAMINGS } from "../framing/framing.ts";
import type { Handshaker } from "./handshaker.ts";
import type { ListenerRules } from "./listener.ts";
import type { ListenerPlan } from "./mob_options.ts";

/** What was loaded. */
export interface ListenerParts {
  /** What each connection is asked for, in this order: the secret, and where it resumes. */
  readonly steps: readonly HandshakeStep[];
  /** Checks what others on the network could do, at an address that they reach. */
  readonly checkExposure: typeof checkExposure | undefined;
  /** The protocol around the frames. */
  readonly protocol: Protocol | undefined;
  /** Takes connections through their handshake, where they have one. */
  readonly handshaker: typeof Handshaker | undefined;
}

/** What the parts of a listener depend on in its mob. */
export interface ListenerMob {
  /** How its offsets count. */
  readonly numberings: Numbering[];
  /** Whether the application is asked about each connection. */
  readonly authorizes: boolean;
}

/** Loads the parts of a listener. */
export async function loadParts(
  { address, rules, webSocket }: ListenerPlan,
  { numberings, authorizes }: ListenerMob,
): Promise<ListenerParts> {
  const exposed = address.transport !== "unix" && !isLocal(address.host);
  const steps = await loadSteps(rules, numberings);
  const asks = webSocket || authorizes || steps.length > 0;
  return {
    steps,
    handshaker: asks ? (await import("./handshaker.ts")).Handshaker : undefined,
    checkExposure: exposed ? (await import("../admission/exposure.ts")).checkExposure : undefined,
    protocol: webSocket ? (await import("../websocket/websocket.ts")).webSocket : undefined,
  };
}

async function loadSteps(
  { secret, resume, framing }: ListenerRules,
  numberings: Numbering[],
): Promise<HandshakeStep[]> {
  const steps: HandshakeStep[] = [];
  if (secret !== undefined) steps.push((await import("../admission/secret.ts")).secretStep(secret));
  if (resume) {
    const { resumeStep } = await import("../admission/resume.ts");
    const { freshEpoch } = await import("../framing/hello.ts");
    if (numberings.length === 0) numberings.push({ epoch: freshEpoch(), base: 0, from: 0 });
    steps.push(resumeStep(FRAMINGS[framing], numberings));
  }
  return steps;
}
