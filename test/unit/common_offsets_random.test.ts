/** Common offsets, whatever happens: a client resumes at any mob, and goes on exactly, or is told exactly. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import type { Member } from "../helpers/scripted_server.ts";
import { Bus, heard } from "../helpers/offsets_bus.ts";

/** Something that happens. */
type Step =
  | { readonly do: "publish"; readonly mob: number; readonly length: number }
  | { readonly do: "resume"; readonly mob: number; readonly client: number }
  | { readonly do: "skip"; readonly mob: number; readonly count: number }
  | { readonly do: "add" };

const index = fc.nat({ max: 11 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("publish" as const), mob: index, length: fc.integer({ min: 8, max: 200 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("resume" as const), mob: index, client: index }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("skip" as const), mob: index, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("add" as const) }) },
);

test("wherever a client resumes, what it gets goes on exactly, or the gap is told exactly (property)", {
  timeout: 120_000,
}, async () => {
  const seen = { whole: 0, gaps: 0, unknown: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 60 }), async (steps) => {
      const bus = new Bus();
      await bus.add();
      await bus.add();
      // Each client is at some mob, and knows what it has received last.
      const clients: { member: Member; last: number; told: number }[] = [];
      for (
        const step of [...steps, { do: "resume", mob: 0, client: 0 }, { do: "resume", mob: 1, client: 0 }] as Step[]
      ) {
        if (step.do === "add") {
          if (bus.mobs.length < 4) await bus.add();
          continue;
        }
        const mob = bus.mobs[step.mob % bus.mobs.length]!;
        if (step.do === "publish") await bus.publish(mob, step.length);
        else if (step.do === "skip") mob.stream.skip(step.count);
        else {
          const client = clients[step.client % 3];
          if (!client) {
            clients.push({ member: await bus.resume(mob), last: -1, told: 0 });
            continue;
          }
          const { texts, place } = heard(client.member);
          if (texts.length > 0) client.last = parseInt(texts.at(-1)!, 10);
          const member = await bus.resume(mob, place);
          const now = heard(member);
          const next = now.texts.length > 0 ? parseInt(now.texts[0]!, 10) : undefined;
          for (const [position, text] of now.texts.entries()) {
            assertEquals(text, bus.published[next! + position], "what comes behind the hello has no hole");
          }
          if (now.begins.epoch !== place.epoch || now.begins.offset < place.offset) seen.unknown++;
          else {
            const missing = now.begins.offset - place.offset;
            missing === 0 ? seen.whole++ : seen.gaps++;
            if (next !== undefined && client.last >= 0) {
              const between = bus.published.slice(client.last + 1, next);
              assertEquals(
                missing,
                between.reduce((sum, text) => sum + 8 + text.length, 0),
                `from ${client.last} to ${next}`,
              );
              assert(next > client.last, "a message comes twice");
            }
          }
          client.member = member;
        }
      }
    }),
    { numRuns: 150 },
  );
  assert(seen.whole > 100 && seen.gaps > 0 && seen.unknown > 0, JSON.stringify(seen));
});
