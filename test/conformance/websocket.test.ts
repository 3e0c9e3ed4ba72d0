/**
 * Every rule of RFC 6455 for a server, with clients that send whatever bytes they like, at real listeners of the runtime
 * at hand, in the clear and over TLS.
 *
 * @module
 */

import { runtimeAdapter } from "../../adapters/runtime.ts";
import { OVER_TCP, overTls } from "../helpers/transports.ts";
import { frames } from "./websocket_frames.ts";
import { handshakes } from "./websocket_handshake.ts";
import { inOneMob } from "./websocket_mob.ts";
import { checksFor, type WebSocketSubject } from "./websocket_stage.ts";

const { name } = await runtimeAdapter();
// Before the first case: Node ends a run when all cases so far are over, skipped for their names perhaps.
const tls = await overTls();

// Behind a paused socket, node:tls on Deno does not tell that the connection has ended; the mob has counted it.
const SUBJECTS: readonly WebSocketSubject[] = [
  { name: `${name}, ws`, scheme: "ws", transport: OVER_TCP, adapter: runtimeAdapter },
  { name: `${name}, wss`, scheme: "wss", transport: tls, adapter: runtimeAdapter, seesLoss: name !== "deno" },
];

for (const check of SUBJECTS.map(checksFor)) {
  handshakes(check);
  frames(check);
  inOneMob(check);
}
