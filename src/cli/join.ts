/**
 * The command `join`.
 *
 * @module
 */

import type { Peer } from "../peer.ts";
import { splitLines } from "./lines.ts";
import { openPeer, type PeerFlags } from "./peer.ts";
import { attempt, type Session } from "./session.ts";
import type { Input, Output } from "./terminal.ts";
import { makeVisible } from "./visible.ts";

/** Lines of standard input go out as frames, every frame heard is printed as a line. */
export async function runJoin(session: Session, url: string, flags: PeerFlags): Promise<number> {
  const { terminal, stop } = session;
  const peer = await openPeer(session, url, flags);
  if (peer === undefined) return 0;
  if (terminal.stdin.isTerminal) void terminal.stderr.write(`joined ${url}, Ctrl-D leaves\n`);
  const leave = (): void => void peer.close();
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
  return 0;
}

/** Sends lines until there are no more. A person who ends the input leaves; a file that ends has nothing more to say. */
async function speak(input: Input, peer: Peer, maxFrame: number): Promise<void> {
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

async function hear(peer: Peer, output: Output): Promise<void> {
  for await (const message of peer) {
    if (output.isTerminal) {
      await output.write(`${makeVisible(message)}\n`);
    } else {
      void output.write(message);
      await output.write("\n");
    }
  }
}
