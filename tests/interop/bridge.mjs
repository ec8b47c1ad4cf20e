// What every judge in Node shares: one JSON line each way, as docs/mls-bridge.md describes.

import { createInterface } from "node:readline";

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const octets = (text) => new Uint8Array(Buffer.from(text, "hex"));

/** Answers requests in order; `verbs` maps a name to a function from the request to the result. */
export async function serve(verbs) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const answer = { id: request.id ?? null };
    try {
      if (verbs[request.verb] === undefined) throw new Error(`no verb ${request.verb}`);
      answer.result = (await verbs[request.verb](request)) ?? {};
    } catch (error) {
      answer.error = { code: error.constructor?.name ?? "Error", message: describe(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

function describe(error) {
  const inner = error?.inner === undefined ? "" : JSON.stringify(error.inner, (_, v) => (typeof v === "bigint" ? `${v}` : v));
  return `${error?.message ?? error} ${inner}`.trim();
}
