/**
 * The logger of the whole library, category `mobcast`: silent until the application configures LogTape.
 *
 * @module
 */

import { getLogger, type Logger } from "@logtape/logtape";

/** Where mobcast logs. */
export const logger: Logger = getLogger("mobcast");
