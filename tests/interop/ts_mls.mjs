// The bridge of ts-mls. Groups are values there, so a commit waits until it comes back, as it does in tacit.

import { createHash } from "node:crypto";
import { Aes256Gcm, CipherSuite, HkdfSha384 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import * as mls from "ts-mls";
import { signGroupInfo } from "./node_modules/ts-mls/dist/src/groupInfo.js";
import { ratchetTreeDecoder, ratchetTreeEncoder } from "./node_modules/ts-mls/dist/src/ratchetTree.js";
import { hex, octets, serve } from "./bridge.mjs";

const CLASSICAL = [1, 2, 3, 4, 5, 6, 7];
const POST_QUANTUM = 0xf062;
const NIST_CURVES = new Map([[2, p256], [5, p521], [7, p384]]);
const authService = mls.unsafeTestingAuthenticationService;
const clients = new Map();
const suites = new Map();

/** X-Wing with the labelled DeriveKeyPair of draft-ietf-hpke-pq: SHAKE256 over the seed material and what it is for. */
class LabelledXWing extends XWing {
  async deriveKeyPair(ikm) {
    const label = Buffer.from("DeriveKeyPair");
    const about = Buffer.concat([
      Buffer.from("HPKE-v1KEM"),
      Buffer.from([0x64, 0x7a]),
      Buffer.from([0, label.length]),
      label,
      Buffer.from([0, 32]),
    ]);
    const seed = createHash("shake256", { outputLength: 32 }).update(new Uint8Array(ikm)).update(about).digest();
    return this.generateKeyPairDerand(new Uint8Array(seed));
  }
}

/** Our suite out of their parts: everything but the KEM is that of a suite with SHA-384, AES-256-GCM and Ed25519. */
async function postQuantumSuite() {
  const parts = await mls.getCiphersuiteImpl("MLS_256_MLKEM768_AES256GCM_SHA384_Ed25519");
  const hpke = new CipherSuite({ kem: new LabelledXWing(), kdf: new HkdfSha384(), aead: new Aes256Gcm() });
  const p384 = await mls.getCiphersuiteImpl("MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
  const bytes = (buffer) => new Uint8Array(buffer);
  const buffer = (data) => mls.bytesToArrayBuffer(data);
  return {
    id: POST_QUANTUM,
    hash: p384.hash,
    kdf: p384.kdf,
    rng: parts.rng,
    signature: parts.signature,
    hpke: {
      keyLength: 32,
      nonceLength: 12,
      encryptAead: p384.hpke.encryptAead,
      decryptAead: p384.hpke.decryptAead,
      seal: async (recipientPublicKey, plaintext, info, aad) => {
        const sealed = await hpke.seal({ recipientPublicKey, info: buffer(info) }, buffer(plaintext), buffer(aad ?? new Uint8Array()));
        return { ct: bytes(sealed.ct), enc: bytes(sealed.enc) };
      },
      open: async (recipientKey, enc, ciphertext, info, aad) =>
        bytes(await hpke.open({ recipientKey, enc: buffer(enc), info: buffer(info) }, buffer(ciphertext), buffer(aad ?? new Uint8Array()))),
      exportSecret: async (recipientPublicKey, context, length, info) => {
        const sender = await hpke.createSenderContext({ recipientPublicKey, info: buffer(info) });
        return { enc: bytes(sender.enc), secret: bytes(await sender.export(buffer(context), length)) };
      },
      importSecret: async (recipientKey, context, enc, length, info) => {
        const recipient = await hpke.createRecipientContext({ recipientKey, enc: buffer(enc), info: buffer(info) });
        return bytes(await recipient.export(buffer(context), length));
      },
      importPrivateKey: (key) => hpke.kem.deserializePrivateKey(buffer(key)),
      importPublicKey: (key) => hpke.kem.deserializePublicKey(buffer(key)),
      exportPublicKey: async (key) => bytes(await hpke.kem.serializePublicKey(key)),
      exportPrivateKey: async (key) => bytes(await hpke.kem.serializePrivateKey(key)),
      deriveKeyPair: (ikm) => hpke.kem.deriveKeyPair(buffer(ikm)),
      generateKeyPair: () => hpke.kem.generateKeyPair(),
    },
  };
}

async function suiteOf(id) {
  if (!suites.has(id)) {
    const impl = id === POST_QUANTUM ? await postQuantumSuite() : await mls.defaultCryptoProvider.getCiphersuiteImpl(id);
    suites.set(id, impl);
  }
  return suites.get(id);
}

function clientOf(request) {
  if (!clients.has(request.client)) {
    clients.set(request.client, { identity: Buffer.from(request.client), keys: new Map(), bundles: [], psks: {}, groups: new Map() });
  }
  const client = clients.get(request.client);
  if (request.identity !== undefined && request.verb !== "remove") client.identity = octets(request.identity);
  return client;
}

function groupOf(request) {
  const client = clientOf(request);
  const group = client.groups.get(request.group);
  if (group === undefined) throw new Error("no such group");
  return [client, group];
}

const contextOf = (client, cipherSuite) => ({ cipherSuite, authService, externalPsks: client.psks });

/** Its own keygen gives compressed points, which RFC 9420 §5.1.1 rules out; it verifies with uncompressed ones, too. */
async function signatureKeys(cipherSuite) {
  const curve = NIST_CURVES.get(cipherSuite.id);
  if (curve === undefined) return cipherSuite.signature.keygen();
  const signKey = curve.utils.randomSecretKey();
  return { signKey, publicKey: curve.getPublicKey(signKey, false) };
}

async function makeKeyPackage(client, id) {
  const cipherSuite = await suiteOf(id);
  if (!client.keys.has(id)) client.keys.set(id, await signatureKeys(cipherSuite));
  const now = BigInt(Math.floor(Date.now() / 1000));
  const capabilities = mls.defaultCapabilities();
  if (!capabilities.ciphersuites.includes(id)) capabilities.ciphersuites.push(id);
  // By itself it lists this GREASE nowhere; tacit lets that be, and core-crypto refuses it by the letter of §10.
  const extensions = mls.greaseExtensions({ probabilityPerGreaseValue: 0.1 });
  capabilities.extensions = [...new Set([...capabilities.extensions, ...extensions.map((each) => each.extensionType)])];
  return mls.generateKeyPackageWithKey({
    credential: { credentialType: mls.defaultCredentialTypes.basic, identity: client.identity },
    capabilities,
    extensions,
    lifetime: { notBefore: now - 3600n, notAfter: now + 30n * 86400n },
    signatureKeyPair: client.keys.get(id),
    cipherSuite,
  });
}

const frame = (wireformat, name, value) => hex(mls.encode(mls.mlsMessageEncoder, { version: mls.protocolVersions.mls10, wireformat, [name]: value }));
const message = (value) => hex(mls.encode(mls.mlsMessageEncoder, value));

function read(text, ...wireformats) {
  const decoded = mls.decode(mls.mlsMessageDecoder, octets(text));
  if (decoded === undefined || !wireformats.includes(decoded.wireformat)) throw new Error("not the message that belongs here");
  return decoded;
}

function members(state) {
  const found = [];
  state.ratchetTree.forEach((node, index) => {
    if (node?.nodeType === mls.nodeTypes.leaf) found.push({ leaf: index / 2, identity: hex(node.leaf.credential.identity ?? []) });
  });
  return found;
}

const view = (state) => ({ group: hex(state.groupContext.groupId), epoch: Number(state.groupContext.epoch), leaf: state.privatePath.leafIndex });

function proposal(client, group, request) {
  switch (request.type) {
    case "add":
      return { proposalType: mls.defaultProposalTypes.add, add: { keyPackage: read(request.key_package, mls.wireformats.mls_key_package).keyPackage } };
    case "remove": {
      const removed = request.leaf ?? members(group.state).find((member) => member.identity === request.identity).leaf;
      return { proposalType: mls.defaultProposalTypes.remove, remove: { removed } };
    }
    case "psk": {
      const preSharedKeyId = {
        psktype: mls.pskTypes.external,
        pskId: octets(request.psk_id),
        pskNonce: group.cipherSuite.rng.randomBytes(group.cipherSuite.kdf.size),
      };
      return { proposalType: mls.defaultProposalTypes.psk, psk: { preSharedKeyId } };
    }
    case "reinit": {
      const reinit = { groupId: octets(request.new_group), version: mls.protocolVersions.mls10, cipherSuite: request.suite, extensions: [] };
      return { proposalType: mls.defaultProposalTypes.reinit, reinit };
    }
    default:
      throw new Error(`no proposal ${request.type}`);
  }
}

async function propose(request, type) {
  const [client, group] = groupOf(request);
  const created = await mls.createProposal({
    context: contextOf(client, group.cipherSuite),
    state: group.state,
    wireAsPublicMessage: request.public ?? false,
    proposal: proposal(client, group, { ...request, type }),
    authenticatedData: octets(request.aad ?? ""),
  });
  group.state = created.newState;
  return { message: message(created.message) };
}

// An external_pub extension holds a struct with one vector (RFC 9420 §12.4.3.2); ts-mls writes and reads the bare key.

async function groupInfo({ state, cipherSuite }) {
  const pair = await cipherSuite.hpke.deriveKeyPair(state.keySchedule.externalSecret);
  const key = await cipherSuite.hpke.exportPublicKey(pair.publicKey);
  const extensions = [
    { extensionType: mls.defaultExtensionTypes.ratchet_tree, extensionData: mls.encode(ratchetTreeEncoder, state.ratchetTree) },
    { extensionType: mls.defaultExtensionTypes.external_pub, extensionData: vector(key) },
  ];
  const { groupContext, confirmationTag } = state;
  const tbs = { groupContext, extensions, confirmationTag, signer: state.privatePath.leafIndex };
  return signGroupInfo(tbs, state.signaturePrivateKey, cipherSuite.signature);
}

function vector(bytes) {
  const length = bytes.length < 64 ? [bytes.length] : [0x40 | (bytes.length >> 8), bytes.length & 0xff];
  return new Uint8Array([...length, ...bytes]);
}

function readingExternalPub(cipherSuite, groupInfo) {
  const extension = groupInfo.extensions.find((each) => each.extensionType === mls.defaultExtensionTypes.external_pub);
  const whole = hex(extension.extensionData);
  const importPublicKey = (key) => {
    if (hex(key) !== whole) return cipherSuite.hpke.importPublicKey(key);
    const bare = key.slice(key[0] < 64 ? 1 : 2);
    if (hex(vector(bare)) !== whole) throw new Error("not an external_pub");
    return cipherSuite.hpke.importPublicKey(bare);
  };
  return { ...cipherSuite, hpke: { ...cipherSuite.hpke, importPublicKey } };
}

async function take(client, group, framed) {
  const context = contextOf(client, group.cipherSuite);
  const state = group.state;
  if (framed.wireformat === mls.wireformats.mls_public_message) {
    return { kind: "newState", ...(await mls.processPublicMessage({ context, state, publicMessage: framed.publicMessage })) };
  }
  return mls.processPrivateMessage({ context, state, privateMessage: framed.privateMessage });
}

/** A group that comes from another one: ts-mls wants to be told which, and puts no tree into the Welcome. */
async function begin(request, client, group, id, make) {
  const bundle = await makeKeyPackage(client, id);
  const created = await make({
    context: contextOf(client, group.cipherSuite),
    state: group.state,
    keyPackage: bundle.publicPackage,
    privateKeyPackage: bundle.privatePackage,
    memberKeyPackages: request.key_packages.map((each) => read(each, mls.wireformats.mls_key_package).keyPackage),
  });
  const state = created.newState;
  client.groups.set(hex(state.groupContext.groupId), { cipherSuite: await suiteOf(id), state, pending: undefined });
  return { ...view(state), welcome: message(created.welcome), ratchet_tree: hex(mls.encode(ratchetTreeEncoder, state.ratchetTree)) };
}

const framed = [mls.wireformats.mls_private_message, mls.wireformats.mls_public_message];

serve({
  suites: async () => ({ suites: [...CLASSICAL, POST_QUANTUM] }),
  keypackage: async (request) => {
    const client = clientOf(request);
    const bundle = await makeKeyPackage(client, request.suite);
    client.bundles.push(bundle);
    return { key_package: frame(mls.wireformats.mls_key_package, "keyPackage", bundle.publicPackage) };
  },
  create: async (request) => {
    const client = clientOf(request);
    const cipherSuite = await suiteOf(request.suite);
    const bundle = await makeKeyPackage(client, request.suite);
    const state = await mls.createGroup({
      context: contextOf(client, cipherSuite),
      groupId: octets(request.group),
      keyPackage: bundle.publicPackage,
      privateKeyPackage: bundle.privatePackage,
    });
    client.groups.set(request.group, { cipherSuite, state, pending: undefined });
    return view(state);
  },
  add: (request) => propose(request, "add"),
  remove: (request) => propose(request, "remove"),
  psk: async (request) => {
    const client = clientOf(request);
    if (request.psk !== undefined) client.psks[Buffer.from(request.psk_id, "hex").toString("base64")] = octets(request.psk);
    return request.group === undefined ? {} : propose(request, "psk");
  },
  commit: async (request) => {
    const [client, group] = groupOf(request);
    const created = await mls.createCommit({
      context: contextOf(client, group.cipherSuite),
      state: group.state,
      wireAsPublicMessage: request.public ?? false,
      extraProposals: (request.proposals ?? []).map((item) => proposal(client, group, item)),
      ratchetTreeExtension: true,
      authenticatedData: octets(request.aad ?? ""),
    });
    const commit = message(created.commit);
    group.pending = { commit, state: created.newState };
    return { commit, welcome: created.welcome === undefined ? null : message(created.welcome) };
  },
  join: async (request) => {
    const client = clientOf(request);
    const { welcome } = read(request.welcome, mls.wireformats.mls_welcome);
    const cipherSuite = await suiteOf(welcome.cipherSuite);
    for (const bundle of client.bundles) {
      const ref = hex(await mls.makeKeyPackageRef(bundle.publicPackage, cipherSuite.hash));
      if (!welcome.secrets.some((entry) => hex(entry.newMember) === ref)) continue;
      const ratchetTree = request.ratchet_tree === undefined ? undefined : mls.decode(ratchetTreeDecoder, octets(request.ratchet_tree));
      const common = { context: contextOf(client, cipherSuite), welcome, keyPackage: bundle.publicPackage, ratchetTree };
      const old = client.groups.get(request.resume)?.state;
      const state = await (old === undefined
        ? mls.joinGroup({ ...common, privateKeys: bundle.privatePackage })
        : old.groupActiveState.kind === "suspendedPendingReinit"
          ? mls.joinGroupFromReinit({ ...common, privateKeyPackage: bundle.privatePackage, suspendedState: old })
          : mls.joinGroupFromBranch({ ...common, privateKeyPackage: bundle.privatePackage, oldState: old }));
      client.bundles = client.bundles.filter((other) => other !== bundle);
      client.groups.set(hex(state.groupContext.groupId), { cipherSuite, state, pending: undefined });
      return view(state);
    }
    throw new Error("not for us");
  },
  reinitialize: async (request) => {
    const [client, group] = groupOf(request);
    const { groupId, cipherSuite } = group.state.groupActiveState.reinit;
    const [name] = Object.entries(mls.ciphersuites).find(([, id]) => id === cipherSuite);
    return begin(request, client, group, cipherSuite, (common) => mls.reinitCreateNewGroup({ ...common, groupId, cipherSuite: name }));
  },
  branch: async (request) => {
    const [client, group] = groupOf(request);
    return begin(request, client, group, group.cipherSuite.id, (common) => mls.branchGroup({ ...common, newGroupId: octets(request.new_group) }));
  },
  external_join: async (request) => {
    const client = clientOf(request);
    const { groupInfo } = read(request.groupinfo, mls.wireformats.mls_group_info);
    const cipherSuite = await suiteOf(groupInfo.groupContext.cipherSuite);
    const bundle = await makeKeyPackage(client, groupInfo.groupContext.cipherSuite);
    const joined = await mls.joinGroupExternal({
      context: contextOf(client, readingExternalPub(cipherSuite, groupInfo)),
      groupInfo,
      keyPackage: bundle.publicPackage,
      privateKeys: bundle.privatePackage,
      resync: request.resync ?? false,
    });
    const commit = frame(mls.wireformats.mls_public_message, "publicMessage", joined.publicMessage);
    const group = hex(groupInfo.groupContext.groupId);
    client.groups.set(group, { cipherSuite, state: client.groups.get(group)?.state, pending: { commit, state: joined.newState } });
    return { group, commit };
  },
  groupinfo: async (request) => {
    const [, group] = groupOf(request);
    return { groupinfo: frame(mls.wireformats.mls_group_info, "groupInfo", await groupInfo(group)) };
  },
  process: async (request) => {
    const [client, group] = groupOf(request);
    if (group.pending?.commit === request.message) {
      group.state = group.pending.state;
      group.pending = undefined;
      return { kind: "commit", own: true, removed: false, ...view(group.state) };
    }
    const before = group.state.groupContext.epoch;
    const result = await take(client, group, read(request.message, ...framed));
    if (result.kind !== "newState") throw new Error("application data");
    group.state = result.newState;
    if (group.state.groupActiveState.kind === "removedFromGroup") {
      client.groups.delete(request.group);
      return { kind: "commit", own: false, removed: true };
    }
    if (group.state.groupContext.epoch === before) return { kind: "proposal", aad: hex(result.aad) };
    group.pending = undefined;
    return { kind: "commit", own: false, removed: false, aad: hex(result.aad), ...view(group.state) };
  },
  protect: async (request) => {
    const [client, group] = groupOf(request);
    const created = await mls.createApplicationMessage({
      context: contextOf(client, group.cipherSuite),
      state: group.state,
      message: octets(request.data),
      authenticatedData: octets(request.aad ?? ""),
    });
    group.state = created.newState;
    return { message: message(created.message) };
  },
  unprotect: async (request) => {
    const [client, group] = groupOf(request);
    const result = await take(client, group, read(request.message, ...framed));
    if (result.kind !== "applicationMessage") throw new Error("not application data");
    group.state = result.newState;
    return { data: hex(result.message), aad: hex(result.aad) };
  },
  export: async (request) => {
    const [, { state, cipherSuite }] = groupOf(request);
    const secret = await mls.mlsExporter(state.keySchedule.exporterSecret, request.label, octets(request.context ?? ""), request.length, cipherSuite);
    return { secret: hex(secret) };
  },
  state_auth: async (request) => {
    const [, { state }] = groupOf(request);
    return {
      ...view(state),
      suite: state.groupContext.cipherSuite,
      epoch_authenticator: hex(state.keySchedule.epochAuthenticator),
      tree_hash: hex(state.groupContext.treeHash),
      confirmed_transcript_hash: hex(state.groupContext.confirmedTranscriptHash),
      members: members(state),
    };
  },
  // Not part of the bridge: the key pair that a secret gives, for comparing the two forms of DeriveKeyPair.
  derive_key_pair: async (request) => {
    const cipherSuite = await suiteOf(request.suite);
    const pair = await cipherSuite.hpke.deriveKeyPair(octets(request.ikm));
    return { public: hex(await cipherSuite.hpke.exportPublicKey(pair.publicKey)), private: hex(await cipherSuite.hpke.exportPrivateKey(pair.privateKey)) };
  },
});
