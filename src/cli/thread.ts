/**
 * A thread of `serve --threads`: a whole mob with listeners of its own, joined to those of the other threads.
 *
 * @module
 */

import { busRelay } from "../bus/bus.ts";
import { SharedChannel } from "../bus/shared_channel.ts";
import type { Adapter } from "../contract/adapter.ts";
import { parseUrl } from "../framing/url.ts";
import { serve } from "../server/serve.ts";
import type { Mob } from "../server/mob.ts";
import { startLogging } from "./logging.ts";
import { toOptions } from "./serve_flags.ts";
import { filesOf, needsFiles, readCredentials } from "./serve.ts";
import type { LogOutput, Terminal } from "./terminal.ts";
import type { ThreadOrder, ThreadPort } from "./thread_messages.ts";
import { ThreadReporter } from "./thread_reporter.ts";

/** Serves until it is told to stop. Everything that it says goes to the thread that has started it. */
export async function runThread(terminal: Terminal, port: ThreadPort): Promise<void> {
  terminal.onUncaught((error) => fail(port, error));
  try {
    const mob = await open(terminal, port);
    const reporter = new ThreadReporter(mob, port);
    port.onOrder((order) => void obey(mob, order, reporter));
    port.tell({ type: "listening", listeners: mob.listeners, urls: mob.urls });
    await mob.closed;
    port.tell({ type: "closed", last: await reporter.stats() });
  } catch (error) {
    fail(port, error);
  }
}

function fail(port: ThreadPort, error: unknown): void {
  port.tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}

async function open(terminal: Terminal, port: ThreadPort): Promise<Mob> {
  const { thread, memory, urls, flags, sharePort } = port.start;
  const log = (): unknown => {
    const stderr = linesTo(port);
    return startLogging({ ...terminal, stderr }, flags.logLevel, flags.logFormat, `${thread + 1}`);
  };
  // What is said of the listeners is said once.
  if (thread === 0) log();
  const own = await terminal.adapter();
  const adapter: Adapter = {
    ...own,
    capacity: own.capacity === undefined ? undefined : Math.floor(own.capacity / memory.threads),
    listen: (address, registry, options) =>
      own.listen(address, registry, address.transport === "unix" ? options : { ...options, sharePort }),
  };
  const has = (transport: string): boolean => urls.some((url) => parseUrl(url).address.transport === transport);
  const { tls, secret } = needsFiles(flags) ? await readCredentials(await filesOf(terminal), flags) : {};
  const mob = await serve({
    ...toOptions(flags),
    secret,
    // Those of a status listener alone are of no use here.
    tls: has("tls") ? tls : undefined,
    unixMode: has("unix") ? flags.unixMode : undefined,
    listen: urls,
    relay: busRelay(new SharedChannel(memory, thread)),
    adapter,
  }, terminal.adapter);
  if (thread !== 0) log();
  return mob;
}

/** An output whose lines go to the thread that has started this one, which counts those that cannot be written. */
function linesTo(port: ThreadPort): LogOutput {
  const done = Promise.resolve();
  return {
    isTerminal: false,
    columns: undefined,
    rows: undefined,
    broken: new AbortController().signal,
    notice: String,
    write(line) {
      port.tell({ type: "line", line: String(line) });
      return done;
    },
    flush: () => done,
  };
}

async function obey(mob: Mob, order: ThreadOrder, reporter: ThreadReporter): Promise<void> {
  if (order.type === "stop") await mob.close();
  else if (order.type === "watch") reporter.watch(order.isOn);
  else await reporter.answer(order.id, order.question);
}
