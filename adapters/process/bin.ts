#!/usr/bin/env node
/**
 * The command `mobcast`.
 *
 * @module
 */

import { main } from "../../src/cli/main.ts";
import { processTerminal } from "./terminal.ts";

const terminal = processTerminal();
await terminal.exit(await main(terminal));
