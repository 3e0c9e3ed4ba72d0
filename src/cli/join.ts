/**
 * The command `join`.
 *
 * @module
 */

import { connect } from "../client.ts";
import type { Peer } from "../peer.ts";
import type { ReconnectingPeer } from "../reconnect.ts";
import type { ConnectionChange, ReconnectOptions } from "../reconnect_options.ts";
import { splitLines } from "./lines.ts";
import { openPeer, type PeerFlags } from "./peer.ts";
import { attempt, Failure, oneLine, type Session } from "./session.ts";
import type { Input, Output } from "./terminal.ts";
import { makeVisible } from "./visible.ts";

/** The options of `join`. */
export interface JoinFlags extends PeerFlags {
  /** Whether it connects again when the connection is lost. */
  readonly reconnect?: boolean;
}

/** How long one who was told to stop waits for a server that does not hang up, in milliseconds. */
const CLOSE_TIMEOUT = 5000;

/** Lines of standard input go out as frames, every frame heard is printed as a line. */
export async function runJoin(session: Session, url: string, flags: JoinFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const peer = await openPeer<Peer | ReconnectingPeer>(
    session,
    flags,
    (options) =>
      flags.reconnect
        ? connect(url, { ...options, reconnect: tellingOn(terminal.stderr, url) })
        : connect(url, options),
  );
  if (peer === undefined) return 0;
  if (terminal.stdin.isTerminal) void terminal.stderr.write(`joined ${url}, Ctrl-D leaves\n`);
  const leave = (): void => void peer.close({ timeout: CLOSE_TIMEOUT });
  for (const signal of [stop, terminal.stdout.broken]) {
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }
  let failure: unknown;
  attempt(speak(terminal.stdin, peer, flags.maxFrame)).catch((error: unknown) => {
    failure = error;
    leave();
  });
  await attempt(hear(peer, terminal.stdout));
  if (failure !== undefined) throw failure;
  // What was typed and not delivered is said; who drops everything with a second signal knows.
  if (peer.error !== undefined && !drop.aborted && !terminal.stdout.broken.aborted) {
    throw new Failure(peer.error.message);
  }
  return 0;
}

/** Sends lines until there are no more. A person who ends the input leaves; a file that ends has nothing more to say. */
async function speak(input: Input, peer: Peer | ReconnectingPeer, maxFrame: number): Promise<void> {
  for await (const lines of splitLines(input.chunks, maxFrame)) {
    for (const line of lines) {
      if (line.length === 0) continue;
      try {
        await peer.send(line);
      } catch {
        // The connection is over, and whoever listens to it knows why.
        return;
      }
    }
  }
  if (input.isTerminal) await peer.close();
}

async function hear(peer: Peer | ReconnectingPeer, output: Output): Promise<void> {
  for await (const message of peer) {
    if (output.isTerminal) {
      await output.write(`${makeVisible(message)}\n`);
    } else {
      void output.write(message);
      await output.write("\n");
    }
  }
}

/** Tells of every change, and of the gap where the frames are that it is between. */
function tellingOn(output: Output, url: string): ReconnectOptions {
  const say = (text: string): void => void output.write(`mobcast: ${oneLine(text)}\n`);
  const onChange = (change: ConnectionChange): void => {
    if (change.kind === "connected") say(`connected to ${url}`);
    if (change.kind === "lost") say(`lost ${url}: ${change.error?.message ?? "the server ended the connection"}`);
    if (change.kind === "waiting") say(`trying again in ${change.milliseconds} ms, attempt ${change.attempt}`);
    if (change.kind === "reconnected") say(`connected to ${url} again`);
  };
  const onGap = ({ milliseconds }: { milliseconds: number }): void => {
    say(`missed what was said in ${(milliseconds / 1000).toFixed(1)} s`);
  };
  return { onChange, onGap };
}
