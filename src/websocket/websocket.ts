/**
 * WebSocket (RFC 6455), the server's side: what a `ws:` or `wss:` listener puts around its frames.
 *
 * @module
 */

import type { Protocol, Upgrade } from "../admission/protocol.ts";
import { NOTHING } from "../bytes.ts";
import { closeCodeOf } from "./close.ts";
import { WebSocketDecoder } from "./decoder.ts";
import { MESSAGES, PACKED } from "./feeds.ts";
import { closeFrame, controlFrame, PING, PONG } from "./frame.ts";
import { PackedDecoder } from "./packed_decoder.ts";
import { refusal } from "./response.ts";
import { PACKED as PACKED_NAME, type Subprotocol, upgradeStep } from "./upgrade.ts";

/** The words of an access list that refuses a client; all others are of a limit or of a mob that closes. */
const LISTS = /^(deny |not in allow|its address)/;

/** The protocol of `ws:` and `wss:` listeners. */
export const webSocket: Protocol = {
  kinds: [MESSAGES, PACKED],
  step: (rules, upgrade) =>
    upgradeStep(rules, (subprotocol, { origin }) => upgrade({ ...agreed(subprotocol, rules.maxFrame), origin })),
  refusal: (why) => refusal(LISTS.test(why) ? 403 : 503, why),
  ping: controlFrame(PING, NOTHING),
  answer: (opcode, payload) => opcode === PING ? controlFrame(PONG, payload) : undefined,
  closing(reason, decoder) {
    const { failure, closed } = decoder;
    // A stream that ended without a close frame gets none.
    if (reason === "end" && !closed) return undefined;
    const code = closeCodeOf(reason, decoder);
    if (code === undefined) return undefined;
    // What is wrong with a frame is told of a frame that is: before the secret is known, its limit is the secret's length.
    const isFault = reason === "protocol-error" || reason === "frame-too-large";
    return closeFrame(code, isFault && failure ? failure.why : reason === "end" ? "" : reason);
  },
};

function agreed(subprotocol: Subprotocol, maxFrame: number): Pick<Upgrade, "kind" | "decoder"> {
  return subprotocol === PACKED_NAME
    ? { kind: PACKED, decoder: new PackedDecoder(maxFrame) }
    : { kind: MESSAGES, decoder: new WebSocketDecoder(maxFrame) };
}
