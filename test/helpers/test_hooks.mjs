// Makes the test runner of Node cheap. It follows every promise from its begin to its collection, to know in whose test
// something is thrown, and tests with many promises took three times as long. Here what is begun carries its test instead.

import { executionAsyncId, executionAsyncResource } from "node:async_hooks";
import { createRequire } from "node:module";
import process from "node:process";

/** Under what a resource has the number of the test that it belongs to. */
const TEST = Symbol("test");

const asyncHooks = createRequire(import.meta.url)("node:async_hooks");
const { createHook } = asyncHooks;

/** Stands for the hook of the runner, which is told of its tests alone, and of whatever throws just before it asks. */
function light(theirs) {
  const init = (id, type, trigger, resource) => {
    if (resource.constructor?.name === "Test") {
      theirs.init(id, type, trigger, resource);
      resource[TEST] = id;
      return;
    }
    const test = executionAsyncResource()[TEST];
    if (test !== undefined) resource[TEST] = test;
  };
  const tell = () => {
    const test = executionAsyncResource()[TEST];
    if (test !== undefined) theirs.init(executionAsyncId(), "", test, {});
  };
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on("newListener", function first(name) {
      if (name !== event) return;
      process.off("newListener", first);
      process.prependListener(event, tell);
    });
  }
  return createHook({ init });
}

asyncHooks.createHook = (callbacks) => {
  const ofRunner = callbacks.destroy !== undefined && /node:internal\/test_runner/.test(new Error().stack);
  return ofRunner ? light(callbacks) : createHook(callbacks);
};
