/** The server listens within a second of being started. */

import type { Row, Scenario } from "./scenario.ts";
import { Server } from "./server.ts";

/** How often it is started; the middle one counts. */
const STARTS = 5;

/** In milliseconds. */
const LIMIT = 1000;

/** See above. */
export const start: Scenario = {
  name: "start",
  about: `from the start of the process to the line "listening on", the middle of ${STARTS}: under ${LIMIT} ms`,
  async *run(runtime): AsyncIterable<Row> {
    const times: number[] = [];
    for (let index = 0; index < STARTS; index++) {
      const server = await Server.start(runtime, []);
      times.push(server.startedIn);
      await server.stop();
    }
    times.sort((one, other) => one - other);
    const [middle, shortest, longest] = [times[STARTS >> 1]!, times[0]!, times[STARTS - 1]!];
    const figures = {
      middle: `${middle.toFixed(0)} ms`,
      from: `${shortest.toFixed(0)} ms`,
      to: `${longest.toFixed(0)} ms`,
    };
    yield { label: `${STARTS} starts`, figures, problems: middle < LIMIT ? [] : [`it took ${middle.toFixed(0)} ms`] };
  },
};
