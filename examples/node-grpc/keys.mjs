// Keys, IDs, certificates and the bytes to sign: docs/protocol.md, "Bytes to sign". Nothing but node:crypto.
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";

export const PROTOCOL = 1;
const CERTIFICATE_LIFETIME_S = 365 * 24 * 3600;

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

// A number of so many bytes, big-endian.
export function number(value, size) {
  const bytes = Buffer.alloc(size);
  bytes.writeBigUInt64BE(BigInt(value), size - 8 < 0 ? 0 : size - 8);
  return bytes;
}
const u8 = (value) => Buffer.from([value]);
const u16 = (value) => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value) => number(value, 8).subarray(4);
const u64 = (value) => number(value, 8);

// A byte string behind its length, which takes one, two or four bytes. Source: RFC 9420 §2.1.2
function field(content) {
  const bytes = Buffer.from(content);
  const length = bytes.length;
  if (length < 0x40) return Buffer.concat([u8(length), bytes]);
  if (length < 0x4000) return Buffer.concat([u16(0x4000 | length), bytes]);
  return Buffer.concat([u32(0x80000000 + length), bytes]);
}

// The ID of an account or device: a UUID of version 8 cut from the hash of its key.
function idOf(key) {
  const id = Buffer.from(sha256(key).subarray(0, 16));
  id[6] = (id[6] & 0x0f) | 0x80;
  id[8] = (id[8] & 0x3f) | 0x80;
  return id;
}

// An account with one device, made on the spot.
export function makeIdentity() {
  const account = generateKeyPairSync("ed25519");
  const device = generateKeyPairSync("ed25519");
  const accountKey = account.publicKey.export({ type: "spki", format: "der" });
  const deviceKey = device.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const identity = {
    accountKey,
    accountId: idOf(accountKey),
    deviceId: idOf(deviceKey),
    signAsAccount: (bytes) => sign(null, bytes, account.privateKey),
    signAsDevice: (bytes) => sign(null, bytes, device.privateKey),
  };
  const now = Math.floor(Date.now() / 1000);
  const content = Buffer.concat([
    u16(1), field(accountKey), identity.deviceId, field(deviceKey), u64(now), u64(now + CERTIFICATE_LIFETIME_S),
  ]);
  const signature = identity.signAsAccount(Buffer.concat([field("tacit 1.0 device certificate"), field(content)]));
  return { ...identity, certificate: Buffer.concat([content, field(signature)]) };
}

// Whether a Hello comes from the relay of the link, behind the certificate that this very connection has shown.
export function checkHello(hello, fingerprint, certificateHash) {
  if (!sha256(hello.relay_key).equals(fingerprint)) throw new Error("this is another relay than the link names");
  if (!hello.certificate_hash.equals(certificateHash)) throw new Error("somebody else's certificate: do not go on");
  if (hello.challenge.length !== 32) throw new Error("the greeting is not in order");
  if (hello.protocol_min > PROTOCOL || hello.protocol_max < PROTOCOL) throw new Error("no common protocol version");
  const bytes = Buffer.concat([
    field("tacit 1.0 relay hello"), u32(hello.protocol_min), u32(hello.protocol_max), field(hello.challenge),
    field(hello.certificate_hash), field(hello.relay_key),
  ]);
  const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519. Source: RFC 8410 §4
  const key = createPublicKey({ key: Buffer.concat([prefix, hello.relay_key]), type: "spki", format: "der" });
  if (!verify(null, bytes, key, hello.signature)) throw new Error("the relay's signature does not fit its key");
}

export function registerRequest(identity, hello, certificateHash, challenge, { handle, invite }) {
  const bytes = Buffer.concat([
    field("tacit 1.0 account registration"), u32(PROTOCOL), field(hello.relay_key), field(certificateHash),
    field(challenge), field(identity.accountKey), field(identity.certificate), field(handle), field(invite),
    field(""), field(""), u8(0), // no phone number, no code, not to be found by it
  ]);
  return {
    protocol: PROTOCOL, account_key: identity.accountKey, device_certificate: identity.certificate, handle, invite,
    signature: identity.signAsAccount(bytes),
  };
}

export function loginRequest(identity, hello, certificateHash, challenge) {
  const bytes = Buffer.concat([
    field("tacit 1.0 device login"), u32(PROTOCOL), field(hello.relay_key), field(certificateHash), field(challenge),
    field(identity.accountId), field(identity.deviceId),
  ]);
  return {
    protocol: PROTOCOL, account_id: identity.accountId, device_id: identity.deviceId,
    signature: identity.signAsDevice(bytes),
  };
}
