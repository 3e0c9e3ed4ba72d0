/**
 * A client over a WebSocket that a test drives by hand.
 *
 * @module
 */

import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { overWebSocket } from "../../adapters/shared/websocket.ts";
import { type Client, connect, type ConnectOptions } from "../../mod.ts";
import { type FakeWebSocket, withWebSocket } from "./fake_websocket.ts";
import { settle } from "./settle.ts";

/** For all tests of it. */
export const TIMEOUT = { timeout: 30_000 };

/** The URL of a mob that is not there. */
export const MOB = "ws://127.0.0.1:8080/";

/** A client and its fake WebSocket, on a clock that the test drives. */
export interface Scene {
  readonly adapter: MemoryAdapter;
  readonly socket: FakeWebSocket;
  readonly client: Client;
  /** Lets time pass. */
  pass(milliseconds: number): Promise<void>;
}

/** A network in memory on which WebSockets are those of the test. */
export function newAdapter(): MemoryAdapter {
  const adapter = memoryAdapter({ manual: true });
  return Object.assign(adapter, overWebSocket(adapter));
}

/** Runs with a client whose connection is open. */
export function withClient(options: ConnectOptions, run: (scene: Scene) => Promise<void>): Promise<void> {
  return withWebSocket(async (made) => {
    const adapter = newAdapter();
    const connecting = connect(MOB, { adapter, ...options });
    await settle(adapter);
    const socket = made().opens();
    const client = await connecting;
    const pass = async (milliseconds: number): Promise<void> => {
      for (let passed = 0; passed < milliseconds; passed++) {
        adapter.advance(1);
        adapter.run();
      }
      await settle(adapter);
    };
    await settle(adapter);
    await run({ adapter, socket, client, pass });
  });
}
