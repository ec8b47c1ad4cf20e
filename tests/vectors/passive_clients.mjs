// Plays scenarios among members that are all ts-mls, and writes what one of them sees in the form of passive-client
// vectors. Run by scripts/passive_clients.py. Keys are fresh each time; the course of a scenario follows from its seed.

import { writeFile } from "node:fs/promises";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import * as mls from "ts-mls";
import { ratchetTreeEncoder } from "./node_modules/ts-mls/dist/src/ratchetTree.js";

const NIST_CURVES = new Map([[2, p256], [5, p521], [7, p384]]);
const ED25519 = new Set([1, 3]);
const ED25519_SIZE = 32;
const authService = mls.unsafeTestingAuthenticationService;
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const kinds = mls.defaultProposalTypes;

/** Numbers that follow from a seed. */
function numbers(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class Room {
  constructor(suite, cipherSuite, seed, listed) {
    Object.assign(this, { suite, cipherSuite, listed, below: numbers(seed), members: [], number: 0, psks: {}, pskList: [] });
  }

  get context() {
    return { cipherSuite: this.cipherSuite, authService, externalPsks: this.psks };
  }

  /** Its own key generation gives compressed points, which RFC 9420 §5.1.1 rules out. */
  async signatureKeys() {
    const curve = NIST_CURVES.get(this.suite);
    if (curve === undefined) return this.cipherSuite.signature.keygen();
    const signKey = curve.utils.randomSecretKey();
    return { signKey, publicKey: curve.getPublicKey(signKey, false) };
  }

  async bundle() {
    const signatureKeyPair = await this.signatureKeys();
    const capabilities = { ...mls.defaultCapabilities(), ciphersuites: this.listed };
    const made = await mls.generateKeyPackageWithKey({
      credential: { credentialType: mls.defaultCredentialTypes.basic, identity: Buffer.from(`m${this.number++}`) },
      capabilities,
      lifetime: { notBefore: 1_790_000_000n, notAfter: 1_797_000_000n },
      signatureKeyPair,
      cipherSuite: this.cipherSuite,
    });
    return { ...made, signKey: signatureKeyPair.signKey };
  }

  framed(wireformat, name, value) {
    return mls.encode(mls.mlsMessageEncoder, { version: mls.protocolVersions.mls10, wireformat, [name]: value });
  }

  some(list) {
    return list[this.below(list.length)];
  }

  async create() {
    const bundle = await this.bundle();
    const keys = { keyPackage: bundle.publicPackage, privateKeyPackage: bundle.privatePackage };
    this.members = [await mls.createGroup({ context: this.context, groupId: Buffer.from(`room ${this.suite}`), ...keys })];
  }

  add = (bundle) => ({ proposalType: kinds.add, add: { keyPackage: bundle.publicPackage } });

  psk() {
    const pskId = Buffer.from(`psk ${this.pskList.length}`);
    const psk = this.cipherSuite.rng.randomBytes(this.cipherSuite.kdf.size);
    this.psks[pskId.toString("base64")] = psk;
    this.pskList.push({ psk_id: hex(pskId), psk: hex(psk) });
    const pskNonce = this.cipherSuite.rng.randomBytes(this.cipherSuite.kdf.size);
    return { proposalType: kinds.psk, psk: { preSharedKeyId: { psktype: mls.pskTypes.external, pskId, pskNonce } } };
  }

  async take(state, bytes) {
    const message = mls.decode(mls.mlsMessageDecoder, bytes);
    if (message.wireformat === mls.wireformats.mls_public_message) {
      return (await mls.processPublicMessage({ context: this.context, state, publicMessage: message.publicMessage })).newState;
    }
    return (await mls.processPrivateMessage({ context: this.context, state, privateMessage: message.privateMessage })).newState;
  }

  /** Everybody but its maker takes a message up. */
  async deliver(maker, after, bytes) {
    for (const [place, state] of this.members.entries()) {
      this.members[place] = state === maker ? after : await this.take(state, bytes);
    }
  }

  async propose(proposal) {
    const maker = this.some(this.members);
    const wireAsPublicMessage = this.below(2) === 0;
    const made = await mls.createProposal({ context: this.context, state: maker, wireAsPublicMessage, proposal });
    const bytes = mls.encode(mls.mlsMessageEncoder, made.message);
    await this.deliver(maker, made.newState, bytes);
    return hex(bytes);
  }

  /** A commit that everybody takes up except those who go; ts-mls does not come to an end when it takes up its own going. */
  async commit(extraProposals, { treeInside = true, going = [] } = {}) {
    this.members = this.members.filter((state) => !going.includes(state.privatePath.leafIndex));
    const maker = this.some(this.members);
    const wireAsPublicMessage = this.below(2) === 0;
    const made = await mls.createCommit({
      context: this.context, state: maker, wireAsPublicMessage, extraProposals, ratchetTreeExtension: treeInside,
    });
    const bytes = mls.encode(mls.mlsMessageEncoder, made.commit);
    await this.deliver(maker, made.newState, bytes);
    return { bytes, welcome: made.welcome, maker: made.newState };
  }

  async join(bundle, welcome, tree) {
    const read = mls.decode(mls.mlsMessageDecoder, mls.encode(mls.mlsMessageEncoder, welcome)).welcome;
    const keys = { keyPackage: bundle.publicPackage, privateKeys: bundle.privatePackage };
    const state = await mls.joinGroup({ context: this.context, welcome: read, ratchetTree: tree, ...keys });
    this.members.push(state);
    return state;
  }

  /** Somebody lets himself in. */
  async external() {
    const bundle = await this.bundle();
    const groupInfo = await mls.createGroupInfoWithExternalPubAndRatchetTree(this.some(this.members), [], this.cipherSuite);
    const keys = { keyPackage: bundle.publicPackage, privateKeys: bundle.privatePackage };
    const joined = await mls.joinGroupExternal({ context: this.context, groupInfo, resync: false, ...keys });
    const bytes = this.framed(mls.wireformats.mls_public_message, "publicMessage", joined.publicMessage);
    await this.deliver(undefined, undefined, bytes);
    this.members.push(joined.newState);
    return bytes;
  }

  /** Members who have committed, so that the tree has parents. */
  async grow(size) {
    while (this.members.length < size) {
      const bundles = await Promise.all(Array.from({ length: Math.min(4, size - this.members.length) }, () => this.bundle()));
      const { welcome } = await this.commit(bundles.map(this.add));
      for (const bundle of bundles) await this.join(bundle, welcome);
      await this.commit([]);
    }
  }
}

async function scenario({ suite, members, epochs, seed, treeInside = true, pskInWelcome = false, reinit = false, listed }) {
  const cipherSuite = await mls.defaultCryptoProvider.getCiphersuiteImpl(suite);
  const room = new Room(suite, cipherSuite, seed, listed ?? [suite]);
  await room.create();
  await room.grow(members - 1);
  const own = await room.bundle();
  const { welcome, maker } = await room.commit([room.add(own), ...(pskInWelcome ? [room.psk()] : [])], { treeInside });
  const tree = treeInside ? undefined : maker.ratchetTree;
  let passive = await room.join(own, welcome, tree);
  const authenticator = () => hex(room.members.find((state) => state.privatePath.leafIndex === passive.privatePath.leafIndex).keySchedule.epochAuthenticator);
  const found = {
    cipher_suite: suite,
    external_psks: room.pskList,
    key_package: hex(room.framed(mls.wireformats.mls_key_package, "keyPackage", own.publicPackage)),
    signature_priv: hex(ED25519.has(suite) ? own.signKey.slice(-ED25519_SIZE) : own.signKey), // it comes wrapped as PKCS #8
    encryption_priv: hex(own.privatePackage.hpkePrivateKey),
    init_priv: hex(own.privatePackage.initPrivateKey),
    welcome: hex(mls.encode(mls.mlsMessageEncoder, welcome)),
    ratchet_tree: tree === undefined ? null : hex(mls.encode(ratchetTreeEncoder, tree)),
    initial_epoch_authenticator: authenticator(),
    epochs: [],
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const last = reinit && epoch === epochs - 1;
    const made = last ? await closing(room, passive) : await next(room, passive, epoch);
    passive = room.members.find((state) => state.privatePath.leafIndex === passive.privatePath.leafIndex);
    const agreed = new Set(room.members.map((state) => hex(state.keySchedule.epochAuthenticator)));
    if (agreed.size !== 1) throw new Error("the members do not agree");
    found.epochs.push({ ...made, epoch_authenticator: authenticator() });
  }
  return found;
}

const watcher = (room, passive) => room.members.find((state) => state.privatePath.leafIndex === passive.privatePath.leafIndex);

/** One epoch of some kind; the passive client says nothing. */
async function next(room, passive, epoch) {
  const quiet = () => room.members.filter((state) => state !== watcher(room, passive));
  const silent = async (act) => {
    const held = watcher(room, passive);
    const choose = room.some;
    room.some = (list) => choose.call(room, list.filter((item) => item !== watcher(room, passive) && item !== held));
    try {
      return await act();
    } finally {
      delete room.some;
    }
  };
  return silent(async () => {
    switch (epoch % 6) {
      case 0: // by value: somebody new
        return entered(room, await Promise.all([room.bundle()]), []);
      case 1: // by reference: somebody new and a key
      {
        const bundle = await room.bundle();
        const proposals = [await room.propose(room.add(bundle)), await room.propose(room.psk())];
        return entered(room, [bundle], proposals, true);
      }
      case 2: // an update of the committer's path
        return { proposals: [], commit: hex((await room.commit([])).bytes) };
      case 3: // from outside, unless ts-mls finds fault with its own tree, as it does with some unmerged leaves
        try {
          return { proposals: [], commit: hex(await room.external()) };
        } catch (error) {
          if (!(error instanceof mls.ValidationError)) throw error;
          console.error(`suite ${room.suite}, ${room.members.length} members: no external commit: ${error.message}`);
          return { proposals: [], commit: hex((await room.commit([])).bytes) };
        }
      case 4: // a key by value
        return { proposals: [], commit: hex((await room.commit([room.psk()])).bytes) };
      default: // two go, asked for by reference; for one alone ts-mls leaves out the path that §12.4 demands
      {
        const others = quiet();
        const going = others.slice(1 + room.below(others.length - 2)).slice(0, 2).map((state) => state.privatePath.leafIndex);
        const proposals = [];
        for (const removed of going) proposals.push(await room.propose({ proposalType: kinds.remove, remove: { removed } }));
        return { proposals, commit: hex((await room.commit([], { going })).bytes) };
      }
    }
  });
}

async function entered(room, bundles, proposals, byReference = false) {
  const { bytes, welcome } = await room.commit(byReference ? [] : bundles.map(room.add));
  for (const bundle of bundles) await room.join(bundle, welcome);
  return { proposals, commit: hex(bytes) };
}

/** The group is to go on as another one. */
async function closing(room, passive) {
  const maker = room.members.find((state) => state !== watcher(room, passive));
  const made = await mls.reinitGroup({
    context: room.context, state: maker, groupId: Buffer.from("another"), version: "mls10", cipherSuite: room.cipherSuite.name, extensions: [],
  });
  const bytes = mls.encode(mls.mlsMessageEncoder, made.commit);
  await room.deliver(maker, made.newState, bytes);
  return { proposals: [], commit: hex(bytes) };
}

for (const { path, scenarios } of JSON.parse(process.argv[2])) {
  const cases = [];
  for (const told of scenarios) cases.push(await scenario(told));
  await writeFile(path, JSON.stringify(cases) + "\n");
}
