/**
 * OpenTelemetry: everything that a mob counts as instruments of `@opentelemetry/api`, made from the stats table. The API alone
 * does nothing: your program brings the SDK and the exporter that it uses elsewhere, and calls `observe(mob)` after it.
 *
 * In a clone: `deno run --allow-net examples/opentelemetry.ts`, `bun examples/opentelemetry.ts`, or after `npm install`:
 * `node examples/opentelemetry.ts` (Node 22.18 and later) or `node --import tsx examples/opentelemetry.ts`.
 * In your own project: copy this file, `npm install mobcast @opentelemetry/api`, and run it the same way (Node 20:
 * `npm install tsx` as well).
 */

import { metrics, type Observable } from "@opentelemetry/api";
import { type Mob, serve } from "mobcast";
import { STATS } from "mobcast/status";

/** Registers an instrument for every counter and gauge of the mob. Returns a function that removes them all. */
export function observe(mob: Mob): () => void {
  const meter = metrics.getMeter("mobcast");
  const instruments = new Map<string, Observable>();
  const instrument = (name: string, kind: string, unit: string, description: string): void => {
    const options = { description, unit: unit === "bytes" ? "By" : `{${unit}}` };
    const key = `mobcast.${name}`;
    instruments.set(
      name,
      kind === "counter" ? meter.createObservableCounter(key, options) : meter.createObservableGauge(key, options),
    );
  };
  for (const [name, { kind, unit, about }] of Object.entries(STATS)) {
    // A histogram is exported by Prometheus' format alone: the API has no observable one.
    if (kind === "histogram") continue;
    if (unit !== "frames and bytes") instrument(name, kind, unit, about);
    else for (const each of ["frames", "bytes"]) instrument(`${name}.${each}`, kind, each, about);
  }
  const all = [...instruments.values()];
  const batch: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    const { closed, listeners, ...stats } = mob.stats();
    const values: Record<string, unknown> = stats;
    for (const [name, observable] of instruments) {
      const [stat = "", part] = name.split(".");
      const value = part === undefined ? values[stat] : (values[stat] as Record<string, number>)[part];
      if (typeof value === "number" && stat !== "connections") result.observe(observable, value);
    }
    for (const [reason, count] of Object.entries(closed)) result.observe(instruments.get("closed")!, count, { reason });
    for (const { url = "mob.join()", connections } of listeners) {
      result.observe(instruments.get("connections")!, connections, { listener: url });
    }
    result.observe(instruments.get("listeners")!, mob.urls.length);
  };
  meter.addBatchObservableCallback(batch, all);
  return () => meter.removeBatchObservableCallback(batch, all);
}

const mob = await serve({ listen: "tcp://127.0.0.1:0" });
const stop = observe(mob);
console.log(`${Object.keys(STATS).length} stats of ${mob.urls[0]} are observed`);
stop();
await mob.close();
