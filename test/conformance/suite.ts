/**
 * The conformance suite: a file for each rule of the contract in `src/contract/adapter.ts`, for whatever adapter it is given.
 *
 * Most cases put the adapter at both ends of a connection, so they run on the memory adapter too. Where the other end
 * must misbehave it is a raw client on `node:net`, and the case is for adapters with a real network.
 *
 * @module
 */

import { casesFor, type Subject } from "./cases.ts";
import { clock } from "./clock.ts";
import { listeners } from "./listeners.ts";
import { rule1 } from "./rule_1_accept.ts";
import { rule2 } from "./rule_2_ticks.ts";
import { rule3 } from "./rule_3_short_write.ts";
import { rule4 } from "./rule_4_bytes.ts";
import { rule5 } from "./rule_5_back_pressure.ts";
import { rule6 } from "./rule_6_end.ts";
import { rule7 } from "./rule_7_final_event.ts";
import { rule8 } from "./rule_8_failing_accept.ts";
import { rule9ClientCertificates } from "./rule_9_client_certificates.ts";
import { rule9 } from "./rule_9_options.ts";
import { sockets } from "./sockets.ts";

export type { Differences, Subject } from "./cases.ts";

/** Registers every case for one adapter. */
export function conformance(subject: Subject): void {
  const cases = casesFor(subject);
  rule1(cases);
  rule2(cases);
  rule3(cases);
  rule4(cases);
  rule5(cases);
  rule6(cases);
  rule7(cases);
  rule8(cases);
  rule9(cases);
  rule9ClientCertificates(cases);
  sockets(cases);
  listeners(cases);
  clock(cases);
}
