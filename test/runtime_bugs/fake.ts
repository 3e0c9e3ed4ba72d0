/**
 * Scripts on the memory adapter: every run is drawn from a seed, and all runs together are what the fake can show.
 *
 * @module
 */

import {
  type MemoryAdapter,
  memoryAdapter,
  type MemoryFaults,
  type MemoryOptions,
  splitmix32,
} from "../../adapters/memory.ts";
import {
  type Adapter,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import type { Address } from "../../src/contract/address.ts";
import type { ResetShape } from "../../adapters/shared/faulty_socket.ts";
import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import { Poll } from "../../src/reactor/poll.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import { pattern, STEP } from "../helpers/pattern.ts";
import type { Peer, Script, Step, Trace } from "./script.ts";
import { Watch } from "./watch.ts";

/** Runs of each script: enough that adding as many again finds no new trace. */
const RUNS = 300;

/** How many connect at once in a storm. */
const STORM = 5;

const LISTENER: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

/** A client on the other end of a pipe that does as a process and its kernel would. */
class PairedClient implements Peer, Registry {
  readonly #poll: Poll;
  #socket: PairedSocket | undefined;
  #sent = 0;
  #queued = 0;
  #ending = false;
  #reading = false;

  constructor(adapter: Adapter) {
    this.#poll = new Poll(adapter, (events) => {
      for (const readiness of events.values()) this.#tick(readiness);
    });
  }

  accept(socket: Socket): Token {
    this.#socket = socket as PairedSocket;
    return tokenOf(0, 1);
  }

  ready(token: Token, readiness: Readiness): void {
    this.#poll.ready(token, readiness);
  }

  #tick(readiness: Readiness): void {
    if ((readiness & WRITABLE) !== 0) this.#sendOn();
    if ((readiness & READABLE) !== 0 && this.#reading) this.read();
  }

  acceptFailed(): Promise<void> {
    return Promise.resolve();
  }

  send(length: number): void {
    this.#queued += length;
    this.#sendOn();
  }

  end(): void {
    this.#ending = true;
    this.#sendOn();
  }

  reset(): void {
    this.#queued = 0;
    this.#socket!.reset();
  }

  close(): void {
    this.#queued = 0;
    // With everything read the kernel ends the stream, otherwise it resets: a pipe knows which.
    this.#socket!.shutdown();
    this.#socket!.close();
  }

  read(): void {
    this.#reading = true;
    for (;;) {
      const chunk = this.#socket!.read();
      if (chunk === undefined || chunk === null) return;
    }
  }

  #sendOn(): void {
    while (this.#queued > 0) {
      const offered = Math.min(STEP, this.#queued);
      const taken = this.#socket!.write(pattern(this.#sent, offered));
      this.#sent += taken;
      this.#queued -= taken;
      if (taken < offered) return;
    }
    if (this.#ending) this.#socket!.shutdown();
  }
}

/** What one run draws: sizes, faults, and how the two ends take ticks. */
interface Draw {
  readonly options: MemoryOptions;
  readonly random: () => number;
}

function draw(seed: number): Draw {
  const random = splitmix32(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const capacity = [undefined, 1000, 32 * 2 ** 20][seed % 3];
  const code = pick([undefined, undefined, "ENOTCONN", "EMFILE"]);
  let failures = code === undefined ? 0 : Math.ceil(random() * STORM);
  const faults: MemoryFaults = {
    take: (offered) => random() < 0.5 ? offered : Math.floor(random() * offered),
    give: (held) => random() < 0.5 ? held : 1 + Math.floor(random() * (held - 1)),
    merge: () => random() < 0.5,
    reset: () => pick<ResetShape>(["error", "behind", "end"]),
    swallow: () => Math.floor(random() * 4),
    lateHup: () => random() < 0.5,
    hush: () => random() < 0.5,
    accept: () => failures-- > 0 ? Object.assign(new Error(`Cannot accept: ${code}`), { code }) : undefined,
  };
  // One run in ten is well behaved.
  const behaved = random() < 0.1;
  return {
    random,
    options: { manual: true, ...(capacity !== undefined && { capacity }), ...(!behaved && { faults }) },
  };
}

/** All that the fake can show of a script. */
export async function tracesOfFake(script: Script): Promise<Map<string, Trace>> {
  const traces = new Map<string, Trace>();
  for (let seed = 1; seed <= RUNS; seed++) {
    const trace = await run(script, draw(seed));
    traces.set(trace.join(", "), trace);
  }
  return traces;
}

async function run(script: Script, { options, random }: Draw): Promise<Trace> {
  const adapter = memoryAdapter(options);
  const watch = new Watch(adapter, script.habits ?? {});
  const { address } = await adapter.listen(LISTENER, watch);
  const client = new PairedClient(adapter);
  if (script.steps[0] !== "storm") await adapter.connect(address, client);
  for (const step of script.steps) {
    await take(step, adapter, address, watch, client);
    // Whether our end has its tick before the next step is a matter of luck.
    if (random() < 0.5) adapter.run(Math.ceil(random() * 3));
  }
  await settle(adapter);
  return watch.trace(script.sent);
}

async function take(step: Step, adapter: MemoryAdapter, address: Address, watch: Watch, client: Peer): Promise<void> {
  if (step === "quiet") return await settle(adapter);
  if (step === "storm") return await storm(adapter, address);
  if (step !== "fill" && "client" in step) return step.client(client);
  if (!watch.accepted) await settle(adapter);
  if (!watch.accepted) return;
  if (step !== "fill") return step.we(watch);
  watch.fill();
  await settle(adapter);
  watch.filled();
}

/** Runs ticks until none is left, also those that promises ask for. */
async function settle(adapter: MemoryAdapter): Promise<void> {
  do await Promise.resolve(); while (adapter.run() > 0);
  for (let again = 0; again < 5; again++) await Promise.resolve();
  if (adapter.run() > 0) await settle(adapter);
}

async function storm(adapter: MemoryAdapter, address: Address): Promise<void> {
  const clients = Array.from({ length: STORM }, () => new PairedClient(adapter));
  for (const client of clients) {
    await adapter.connect(address, client);
    client.reset();
  }
}
