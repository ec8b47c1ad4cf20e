// What every peer in Node shares: one JSON object each way, and how a median is taken.

import { createInterface } from "node:readline";
import { performance } from "node:perf_hooks";

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const octets = (text) => new Uint8Array(Buffer.from(text, "hex"));

/** Answers requests in order; `operations` maps a name to a function from the request to the answer. */
export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      if (operations[request.op] === undefined) throw new Error(`no operation ${request.op}`);
      answer = (await operations[request.op](request)) ?? {};
    } catch (error) {
      answer = { error: `${error?.message ?? error}` };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

/** Median seconds of one call; each is timed by itself. */
export async function median(calls, work) {
  const took = [];
  for (let call = 0; call < calls; call++) {
    const began = performance.now();
    await work(call);
    took.push((performance.now() - began) / 1000);
  }
  took.sort((a, b) => a - b);
  const middle = took.length >> 1;
  return { seconds: took.length % 2 ? took[middle] : (took[middle - 1] + took[middle]) / 2 };
}
