/** What the shapes over TLS need: a certificate, and what encryption alone costs on this machine. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority } from "../test/helpers/certificates.ts";
import { CACHE } from "./load.ts";
import type { LoadShape } from "./shapes.ts";
import type { Section } from "./table.ts";

/** The certificate of all servers, and its key. */
export const CERT: string = join(CACHE, "cert.pem");
/** The key of the certificate. */
export const KEY: string = join(CACHE, "key.pem");

/** Makes the certificate: of the kind that costs least, as most of the web has. */
export async function makeCertificate(): Promise<void> {
  const authority = await makeAuthority("the benchmark");
  const { cert, key } = await authority.issue({ keys: "ec" });
  writeFileSync(CERT, cert);
  writeFileSync(KEY, key);
}

/** Nanoseconds that AES-128-GCM takes for a byte, as `openssl speed` says; `undefined` without openssl. */
export function encryptionCost(): number | undefined {
  const args = ["speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "aes-128-gcm"];
  const { stdout, status } = spawnSync("openssl", args, { encoding: "utf8" });
  const bytesPerSecond = Number(/^\+F:.*:([\d.]+)$/m.exec(stdout ?? "")?.[1]);
  return status === 0 && bytesPerSecond > 0 ? 1e9 / bytesPerSecond : undefined;
}

/** Adds the limit over TLS to a section: each limit in the clear, and the encryption of as many bytes. */
export function withLimits(section: Section, shape: LoadShape, nanosecondsPerByte: number): Section {
  const more = section.entries.filter(({ row }) => row.startsWith("limit ")).map(({ row, measurements }) => ({
    row: `${row} and AES`,
    measurements: measurements.map(({ figures }) => {
      const processor = figures["processor"]! + (8 + shape.size) * nanosecondsPerByte / 1000;
      return { figures: { processor }, problems: [] };
    }),
  }));
  return { ...section, entries: [...section.entries, ...more] };
}
