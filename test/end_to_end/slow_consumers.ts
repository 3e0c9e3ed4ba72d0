/** Some never read: the others do not notice, memory stays bounded, and the stuck ones end as documented. */

import { skipPolicy } from "./skip_policy.ts";
import { GROWTH, type Measured, type Plan, PolicyRun } from "./slow_consumer_policies.ts";
import { mebibytes, type Row, type Scenario, type Size } from "./scenario.ts";

/** The policies. */
const POLICIES = ["disconnect", "skip", "block"] as const;

const PLANS: Readonly<Record<Size, Plan & { readonly stuck: readonly number[] }>> = {
  long: {
    stuck: [0, 1, 50],
    readers: 100,
    quiet: 4,
    during: 7,
    after: 4,
    flood: 64 * 1024,
    stall: 2000,
    grace: 1000,
    timed: true,
  },
  // It runs beside other tests.
  short: {
    stuck: [0, 5],
    readers: 6,
    quiet: 0,
    during: 0,
    after: 0,
    flood: 48 * 1024,
    stall: 1000,
    grace: 10_000,
    timed: false,
  },
};

/** Delays, and how late garbage is collected, depend on what else the machine does: such a run is repeated so often. */
const ATTEMPTS = 3;

/** See above. */
export const stuck: Scenario = {
  name: "stuck",
  about:
    `${PLANS.long.readers} read, some never do: p99 of the delay within twice, memory within ${mebibytes(GROWTH)}, ` +
    `out within ${(PLANS.long.stall + PLANS.long.grace) / 1000} s with a stallTimeout of ${PLANS.long.stall / 1000} s`,
  async *run(runtime, size) {
    const { stuck: counts, ...plan } = PLANS[size];
    let baseline: Measured | undefined;
    for (const policy of POLICIES) {
      // Without stuck clients all policies do the same: the short form has one such run, to compare all with.
      if (size === "long") baseline = undefined;
      for (const count of baseline === undefined ? counts : counts.filter((count) => count > 0)) {
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          const policyRun = new PolicyRun(policy, count, plan, baseline);
          const row: Row = await policyRun.run(runtime);
          if (policyRun.onlyNoise && attempt < ATTEMPTS) continue;
          yield attempt === 1 ? row : { ...row, figures: { ...row.figures, attempts: attempt } };
          baseline ??= policyRun.measured;
          break;
        }
      }
    }
    yield await skipPolicy(runtime, size);
  },
};
