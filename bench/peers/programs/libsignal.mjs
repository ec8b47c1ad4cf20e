// libsignal: the double ratchet between two people, and sender keys. Stores keep bytes, as stores do.

import { randomUUID } from "node:crypto";
import * as signal from "@signalapp/libsignal-client";
import { median, serve } from "./lines.mjs";

class Sessions extends signal.SessionStore {
  kept = new Map();
  async saveSession(name, record) {
    this.kept.set(name.toString(), record.serialize());
  }
  async getSession(name) {
    const bytes = this.kept.get(name.toString());
    return bytes === undefined ? null : signal.SessionRecord.deserialize(bytes);
  }
  async getExistingSessions(names) {
    return Promise.all(names.map((name) => this.getSession(name)));
  }
}

class Identities extends signal.IdentityKeyStore {
  kept = new Map();
  constructor(pair) {
    super();
    this.pair = pair;
  }
  async getIdentityKey() {
    return this.pair.privateKey;
  }
  async getIdentityKeyPair() {
    return this.pair;
  }
  async getLocalRegistrationId() {
    return 5;
  }
  async saveIdentity(name, key) {
    this.kept.set(name.toString(), key);
    return signal.IdentityChange.NewOrUnchanged;
  }
  async isTrustedIdentity() {
    return true;
  }
  async getIdentity(name) {
    return this.kept.get(name.toString()) ?? null;
  }
}

const keeping = (kind, save, get, remove) =>
  class extends kind {
    kept = new Map();
    async [save](id, record) {
      this.kept.set(id, record.serialize());
    }
    async [get](id) {
      return this.read(this.kept.get(id));
    }
    async [remove](id) {
      void id;
    }
  };

class PreKeys extends keeping(signal.PreKeyStore, "savePreKey", "getPreKey", "removePreKey") {
  read = (bytes) => signal.PreKeyRecord.deserialize(bytes);
}
class SignedPreKeys extends keeping(signal.SignedPreKeyStore, "saveSignedPreKey", "getSignedPreKey", "unused") {
  read = (bytes) => signal.SignedPreKeyRecord.deserialize(bytes);
}
class KyberPreKeys extends keeping(signal.KyberPreKeyStore, "saveKyberPreKey", "getKyberPreKey", "markKyberPreKeyUsed") {
  read = (bytes) => signal.KyberPreKeyRecord.deserialize(bytes);
}

class SenderKeys extends signal.SenderKeyStore {
  kept = new Map();
  async saveSenderKey(sender, id, record) {
    this.kept.set(`${sender.toString()}/${id}`, record.serialize());
  }
  async getSenderKey(sender, id) {
    const bytes = this.kept.get(`${sender.toString()}/${id}`);
    return bytes === undefined ? null : signal.SenderKeyRecord.deserialize(bytes);
  }
}

function personOf(name) {
  const identities = new Identities(signal.IdentityKeyPair.generate());
  return { address: signal.ProtocolAddress.new(name, 1), sessions: new Sessions(), identities, senderKeys: new SenderKeys() };
}

const encrypt = (from, to, bytes) => signal.signalEncrypt(bytes, to.address, from.address, from.sessions, from.identities);
const decrypt = (to, from, bytes) =>
  signal.signalDecrypt(signal.SignalMessage.deserialize(bytes), from.address, to.address, to.sessions, to.identities);

/** A session in which both have answered, so that nothing but ratchet messages is sent. */
async function sessionOf() {
  const [alice, bob] = [personOf("alice"), personOf("bob")];
  const [preKeys, signedPreKeys, kyberPreKeys] = [new PreKeys(), new SignedPreKeys(), new KyberPreKeys()];
  const [once, signed, kyber] = [signal.PrivateKey.generate(), signal.PrivateKey.generate(), signal.KEMKeyPair.generate()];
  const bobsKey = bob.identities.pair;
  const signature = bobsKey.privateKey.sign(signed.getPublicKey().serialize());
  const kyberSignature = bobsKey.privateKey.sign(kyber.getPublicKey().serialize());
  await preKeys.savePreKey(1, signal.PreKeyRecord.new(1, once.getPublicKey(), once));
  await signedPreKeys.saveSignedPreKey(2, signal.SignedPreKeyRecord.new(2, 0, signed.getPublicKey(), signed, signature));
  await kyberPreKeys.saveKyberPreKey(3, signal.KyberPreKeyRecord.new(3, 0, kyber, kyberSignature));
  const bundle = signal.PreKeyBundle.new(
    5, 1, 1, once.getPublicKey(), 2, signed.getPublicKey(), signature, bobsKey.publicKey, 3, kyber.getPublicKey(), kyberSignature,
  );
  await signal.processPreKeyBundle(bundle, bob.address, alice.address, alice.sessions, alice.identities);
  const first = await encrypt(alice, bob, new Uint8Array(1));
  await signal.signalDecryptPreKey(
    signal.PreKeySignalMessage.deserialize(first.serialize()),
    alice.address, bob.address, bob.sessions, bob.identities, preKeys, signedPreKeys, kyberPreKeys,
  );
  await decrypt(alice, bob, (await encrypt(bob, alice, new Uint8Array(1))).serialize());
  return { alice, bob };
}

async function chainOf() {
  const [alice, bob, id] = [personOf("alice"), personOf("bob"), randomUUID()];
  const message = await signal.SenderKeyDistributionMessage.create(alice.address, id, alice.senderKeys);
  await signal.processSenderKeyDistributionMessage(alice.address, message, bob.senderKeys);
  return { alice, bob, id };
}

let session;
let chain;

async function contest(calls, seal, open, timed) {
  const waiting = [];
  const sealing = await median(calls, async () => void waiting.push((await seal()).serialize()));
  const opening = await median(calls, (call) => open(waiting[call]));
  return timed === "seal" ? sealing : opening;
}

const session_ = (timed) => async ({ payload, calls }) => {
  const { alice, bob } = (session ??= await sessionOf());
  const message = new Uint8Array(payload);
  return contest(calls, () => encrypt(alice, bob, message), (bytes) => decrypt(bob, alice, bytes), timed);
};

const chain_ = (timed) => async ({ payload, calls }) => {
  const { alice, bob, id } = (chain ??= await chainOf());
  const message = new Uint8Array(payload);
  const seal = () => signal.groupEncrypt(alice.address, id, alice.senderKeys, message);
  return contest(calls, seal, (bytes) => signal.groupDecrypt(alice.address, bob.senderKeys, bytes), timed);
};

serve({
  "seal session": session_("seal"),
  "open session": session_("open"),
  "seal sender key": chain_("seal"),
  "open sender key": chain_("open"),
});
