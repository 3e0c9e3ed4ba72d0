/**
 * Mutants of the bus on the command line, and of what is told of it.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of what is told of a bus. */
export const BUS_TOLD: readonly Group[] = [
  {
    file: "src/server/on_bus.ts",
    proof: unit("status_bus", "since when the bus is away"),
    bugs: [
      {
        in: "#away",
        from: "this.#awaySince = why === undefined ? undefined : now() - awayFor;",
        to: "this.#awaySince = why === undefined ? undefined : now();",
        why: "a bus that is away for another reason is away from then on",
        sample: true,
      },
      {
        in: "#away",
        from: "    this.#hasJoined = true;\n",
        to: "",
        why: "a bus that is back is joined once more",
        proof: unit("status_bus", "the log says that the mob has joined"),
      },
    ],
  },
  {
    file: "src/server/event_log.ts",
    proof: unit("status_bus", "the log says that the mob has joined"),
    bugs: [
      {
        in: "missed",
        from: "const then = goesOn ?",
        to: "const then = !goesOn ?",
        why: "a gap is told as what it is not for connections",
      },
    ],
  },
  {
    file: "src/status/handler.ts",
    proof: unit("status_bus", "/readyz is 503"),
    bugs: [
      {
        in: "routesOf",
        from: '      if (state !== "open") return text(503, state);\n',
        to: "",
        why: "a closing mob is ready",
      },
      {
        in: "routesOf",
        from: 'return whyBusAway === undefined ? text(200, "ready")',
        to: 'return true ? text(200, "ready")',
        why: "a mob without its bus is ready",
      },
    ],
  },
  {
    file: "src/status/metrics.ts",
    proof: unit("status_bus", "every number of the bus has its metric"),
    bugs: [
      {
        in: "families",
        from: 'stats.bus === undefined || stats.bus.state === "joined"',
        to: "true",
        why: "mobcast_ready does not know of the bus",
      },
      {
        in: "ofBus",
        from: "Number(value) / divisor",
        to: "Number(value)",
        why: "the time for which a bus is away is in milliseconds",
      },
    ],
  },
  {
    file: "src/status/words.ts",
    proof: unit("status_bus", "a bus that is away is trouble"),
    bugs: [
      {
        in: "aboutBus",
        from: "[bus.gaps - old.gaps, bus.refused - old.refused]",
        to: "[bus.gaps, bus.refused]",
        why: "a gap is told of for ever",
      },
    ],
  },
  {
    file: "src/cli/report_check.ts",
    proof: unit("status_bus", "a report whose bus is none"),
    bugs: [
      {
        in: "asReport",
        from: "bus === undefined || isLike(bus, BUS)",
        to: "true",
        why: "a report may have anything as its bus",
      },
    ],
  },
];

/** The bugs of `--bus`. */
export const BUS_FLAGS: readonly Group[] = [
  {
    file: "src/admission/exposure.ts",
    proof: unit("cli_bus", "a bus off loopback"),
    bugs: [
      {
        in: "checkBusExposure",
        from: "servers.find((url) => !isLocal(",
        to: "servers.slice(0, 1).find((url) => !isLocal(",
        why: "only the first server of a bus is looked at",
        sample: true,
      },
      {
        in: "checkBusExposure",
        from: "if (sendsSecret) {",
        to: "if (sendsSecret && servers.length > 5) {",
        why: "a token crosses the network in the clear",
      },
    ],
  },
  {
    file: "src/cli/bus.ts",
    proof: unit("cli_bus", "without the packages"),
    bugs: [
      {
        in: "openBus",
        from: 'code === "BUS_MISSING" ? new Usage(message) : new Failure',
        to: "false ? new Usage(message) : new Failure",
        why: "missing packages are not told apart from a bus that fails",
      },
    ],
  },
  {
    file: "src/cli/bus_flags.ts",
    proof: unit("cli_bus", "wrong flags of the bus"),
    bugs: [
      {
        in: "checkBusFlags",
        from: "if (second !== undefined) refuse(",
        to: "if (first === undefined) refuse(",
        why: "of two ways to say who a mob is, one is passed over",
      },
      {
        in: "checkBusFlags",
        from: "if (!bus.isSecure && given(name))",
        to: "if (false && given(name))",
        why: "certificates for a bus without TLS are passed over",
      },
      {
        in: "serverOf",
        from: "port >= 1 && port <= 65_535",
        to: "port <= 65_535",
        why: "a server at port 0 is taken",
      },
    ],
  },
  {
    file: "src/cli/credentials.ts",
    proof: unit("cli_bus", "credentials from files"),
    bugs: [
      {
        in: "user",
        from: 'line.indexOf(":")',
        to: 'line.lastIndexOf(":")',
        why: "a password with a colon is cut",
      },
      {
        in: "whole",
        from: "await this.#readSecret(file)",
        to: "await this.#read(file)",
        why: "credentials that others may read are not warned of",
        proof: unit("cli_bus", "files of the bus that others may use"),
      },
    ],
  },
  {
    file: "src/cli/serve.ts",
    proof: unit("cli_bus", "a server that waits for its bus can be stopped"),
    bugs: [
      {
        in: "openListeners",
        from: "relay ? await orStopped(opening, stop) : await opening",
        to: "await opening",
        why: "a server that waits for its bus cannot be stopped",
      },
    ],
  },
];
