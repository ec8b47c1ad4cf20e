// ts-mls. Groups are values there, so one state can be committed from and joined into as often as is measured.

import * as mls from "ts-mls";
import { hex, median, octets, serve } from "./lines.mjs";

const authService = mls.unsafeTestingAuthenticationService;
const suites = new Map();
const pairs = new Map();
const groups = new Map();
const bundles = new Map();
const newcomers = new Map();
let made = 0;

async function contextOf(id) {
  if (!suites.has(id)) suites.set(id, await mls.defaultCryptoProvider.getCiphersuiteImpl(id));
  return { cipherSuite: suites.get(id), authService, externalPsks: {} };
}

async function bundleOf(id) {
  const { cipherSuite } = await contextOf(id);
  const now = BigInt(Math.floor(Date.now() / 1000));
  return mls.generateKeyPackageWithKey({
    credential: { credentialType: mls.defaultCredentialTypes.basic, identity: Buffer.from(`peer-${made++}`) },
    capabilities: mls.defaultCapabilities(),
    lifetime: { notBefore: now - 3600n, notAfter: now + 30n * 86400n },
    signatureKeyPair: await cipherSuite.signature.keygen(),
    cipherSuite,
  });
}

const add = (bundle) => ({ proposalType: mls.defaultProposalTypes.add, add: { keyPackage: bundle.publicPackage } });
const encoded = (message) => mls.encode(mls.mlsMessageEncoder, message);
const decoded = (bytes) => mls.decode(mls.mlsMessageDecoder, bytes);

async function created(id, bundle) {
  const context = await contextOf(id);
  const keys = { keyPackage: bundle.publicPackage, privateKeyPackage: bundle.privatePackage };
  return mls.createGroup({ context, groupId: new TextEncoder().encode("bench"), ...keys });
}

async function committed(id, state, extraProposals) {
  return mls.createCommit({ context: await contextOf(id), state, extraProposals, ratchetTreeExtension: true });
}

async function joined(id, bundle, bytes) {
  const { welcome } = decoded(bytes);
  const keys = { keyPackage: bundle.publicPackage, privateKeys: bundle.privatePackage };
  return mls.joinGroup({ context: await contextOf(id), welcome, ...keys });
}

async function processed(id, state, bytes) {
  const { privateMessage } = decoded(bytes);
  return mls.processPrivateMessage({ context: await contextOf(id), state, privateMessage });
}

/** Two members, of whom the first writes and the second reads. */
async function pairOf(id) {
  if (!pairs.has(id)) {
    const bundle = await bundleOf(id);
    const commit = await committed(id, await created(id, await bundleOf(id)), [add(bundle)]);
    pairs.set(id, { writer: commit.newState, reader: await joined(id, bundle, encoded(commit.welcome)) });
  }
  return pairs.get(id);
}

async function sealed(id, pair, message) {
  const result = await mls.createApplicationMessage({ context: await contextOf(id), state: pair.writer, message });
  pair.writer = result.newState;
  return encoded(result.message);
}

serve({
  seal: async ({ suite, payload, calls }) => {
    const pair = await pairOf(suite);
    const message = new Uint8Array(payload);
    const waiting = [];
    const taken = await median(calls, async () => void waiting.push(await sealed(suite, pair, message)));
    for (const bytes of waiting) pair.reader = (await processed(suite, pair.reader, bytes)).newState;
    return taken;
  },
  open: async ({ suite, payload, calls }) => {
    const pair = await pairOf(suite);
    const waiting = [];
    for (let call = 0; call < calls; call++) waiting.push(await sealed(suite, pair, new Uint8Array(payload)));
    return median(calls, async (call) => void (pair.reader = (await processed(suite, pair.reader, waiting[call])).newState));
  },
  "key-packages": async ({ suite, name, count }) => {
    const some = [];
    for (let index = 0; index < count; index++) some.push(await bundleOf(suite));
    bundles.set(name, some);
    const version = mls.protocolVersions.mls10;
    const wireformat = mls.wireformats.mls_key_package;
    return { key_packages: some.map((bundle) => hex(encoded({ version, wireformat, keyPackage: bundle.publicPackage }))) };
  },
  join: async ({ suite, name, welcome, calls }) => {
    const [bundle] = bundles.get(name);
    const bytes = octets(welcome);
    return median(calls, () => joined(suite, bundle, bytes));
  },
  // Two who come into somebody else's group, and each commit once, so that their paths have no blank.
  enter: async ({ suite, name, welcome }) => {
    const [one, other] = bundles.get(name);
    let writer = await joined(suite, one, octets(welcome));
    let reader = await joined(suite, other, octets(welcome));
    const first = await committed(suite, reader, []);
    [reader, writer] = [first.newState, (await processed(suite, writer, encoded(first.commit))).newState];
    const second = await committed(suite, writer, []);
    [writer, reader] = [second.newState, (await processed(suite, reader, encoded(second.commit))).newState];
    groups.set(name, { writer, reader });
    return { agree: hex(writer.keySchedule.epochAuthenticator) === hex(reader.keySchedule.epochAuthenticator) };
  },
  "create-commit": async ({ suite, name, calls }) => {
    const { writer } = groups.get(name);
    return median(calls, async () => encoded((await committed(suite, writer, [])).commit));
  },
  "process-commit": async ({ suite, name, calls }) => {
    const { writer, reader } = groups.get(name);
    const commits = [];
    for (let call = 0; call < calls; call++) commits.push(encoded((await committed(suite, writer, [])).commit));
    return median(calls, (call) => processed(suite, reader, commits[call]));
  },
  "create-group": async ({ suite, members, calls }) => {
    const key = `${suite}/${members}`;
    if (!newcomers.has(key)) {
      const some = [];
      for (let index = 0; index < members; index++) some.push(await bundleOf(suite));
      newcomers.set(key, some);
    }
    const [own, ...others] = newcomers.get(key);
    return median(calls, async () => committed(suite, await created(suite, own), others.map(add)));
  },
});
