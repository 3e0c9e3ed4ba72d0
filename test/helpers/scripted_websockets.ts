/**
 * A mob with a WebSocket listener, on scripted sockets.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { READABLE } from "../../src/contract/adapter.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { ListenerOptions } from "../../src/server/mob_options.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { bytesOf } from "./bytes.ts";
import { type Member, type ScriptedSocket, World } from "./scripted_server.ts";
import { clientFrame } from "./websocket_client.ts";
import { packedRequest, readStream, type Received, upgradeRequest } from "./websocket_stream.ts";

/** The opcodes of two control frames. */
export const PING = 9;
export const CLOSE = 8;

/** What a socket was given, which ends with a whole frame. */
export function received({ received: bytes }: ScriptedSocket): Received {
  const read = readStream(bytes);
  if (read.status === 101) assertEquals(read.rest.length, 0, "a torn frame");
  return read;
}

/** A mob, and how its clients come. */
export interface Page {
  readonly world: World;
  /** A client that has connected, and sent nothing. */
  come(client?: string): Member;
  /** A client whose handshake is over. */
  join(packed?: boolean): Member;
}

/** Opens a mob with a WebSocket listener. */
export async function open(options: MobOptions & MobHooks = {}, listener: ListenerOptions = {}): Promise<Page> {
  const world = await World.open(options);
  const come = await world.listen("ws://127.0.0.1:0", listener);
  return {
    world,
    come,
    join(packed = false) {
      const member = come();
      send(world, member, packed ? packedRequest() : upgradeRequest());
      assertEquals(received(member.socket).status, 101);
      return member;
    },
  };
}

/** A client sends these chunks, or `null`, its end; the mob runs. */
export function send(world: World, { socket, token }: Member, ...chunks: (Uint8Array | null)[]): void {
  socket.incoming.push(...chunks);
  world.ready(token, READABLE);
  world.run();
}

/** The frame of a binary message. */
export const message = (text: string): Uint8Array => clientFrame({ payload: bytesOf(text) });

/** A control frame. */
export const control = (opcode: number, payload: Uint8Array = bytesOf("")): Uint8Array =>
  clientFrame({ first: 128 | opcode, payload });
