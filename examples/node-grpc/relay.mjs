// One stream to a relay over gRPC: who it is, requests and their answers, and what it pushes.
import { fileURLToPath } from "node:url";
import { isIP } from "node:net";
import tls from "node:tls";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { checkHello, sha256 } from "./keys.mjs";

const SCHEMA = fileURLToPath(new URL("../../src/tacit/wire/relay.proto", import.meta.url));
const MAX_FRAME = 4 * 1024 * 1024 + 64 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

// A link such as tacit+grpc://host:50051/#FINGERPRINT.INVITE
export function parseLink(text) {
  const found = /^tacit\+grpc:\/\/(\[[0-9a-f:]+\]|[^:/#\s]+)(?::(\d{1,5}))?\/?#([a-z2-7]{52})(?:\.([\w-]{1,128}))?$/i.exec(text.trim());
  if (found === null) throw new Error("that is not a link to a relay over gRPC");
  const [, host, port = "50051", fingerprint, invite = ""] = found;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port), fingerprint: fromBase32(fingerprint), invite };
}

function fromBase32(text) {
  let bits = "";
  for (const letter of text.toLowerCase()) bits += "abcdefghijklmnopqrstuvwxyz234567".indexOf(letter).toString(2).padStart(5, "0");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

export class Relay {
  // Connects and checks whom it has reached; nothing of ours has been sent before that.
  static async connect(link) {
    const relay = new Relay();
    await relay.#open(link);
    return relay;
  }

  #waiting = new Map();
  #pushed = [];
  #wanting = [];
  #lastId = 0;
  #failed = null;

  async #open(link) {
    let seen = null;
    // The certificate is made by the relay, so no authority vouches for it: it is its own root, and what counts is that
    // the relay's key has signed the hash of the one that gRPC's own connection has shown.
    const context = tls.createSecureContext({ ca: await shownBy(link), minVersion: "TLSv1.3" });
    const credentials = grpc.credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => { seen = sha256(certificate.raw); },
    });
    const schema = grpc.loadPackageDefinition(protoLoader.loadSync(SCHEMA, { keepCase: true, longs: Number, oneofs: true, defaults: true }));
    const where = link.host.includes(":") ? `[${link.host}]:${link.port}` : `${link.host}:${link.port}`;
    this.client = new schema.tacit.relay.v1.Relay(where, credentials, {
      "grpc.max_receive_message_length": MAX_FRAME,
      "grpc.keepalive_time_ms": 30_000,
      // TLS has no name to send where the link has an address.
      ...(isIP(link.host) ? { "grpc.ssl_target_name_override": "relay" } : {}),
    });
    this.stream = this.client.Connect({ deadline: Infinity });
    this.stream.on("data", (frame) => this.#take(frame));
    this.stream.on("error", (error) => this.#end(error));
    this.stream.on("end", () => this.#end(new Error("the relay has ended the stream")));
    this.hello = await this.pushed("hello");
    this.certificateHash = seen;
    checkHello(this.hello, link.fingerprint, seen);
  }

  // Sends one request and waits for its answer; a refusal is an error with the relay's own code.
  async ask(name, body) {
    if (this.#failed) throw this.#failed;
    const id = ++this.#lastId;
    const answered = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.stream.write({ request_id: id, [name]: body });
    const frame = await answered;
    const answer = frame[frame.response];
    if (["error", "login_failed", "registration_failed"].includes(frame.response)) {
      throw Object.assign(new Error(`${answer.code}: ${answer.sentence}`), { code: answer.code, answer });
    }
    return answer;
  }

  // The next push of a kind; others before it are dropped.
  async pushed(name) {
    for (;;) {
      if (this.#pushed.length === 0) {
        if (this.#failed) throw this.#failed;
        await new Promise((resolve) => this.#wanting.push(resolve));
        continue;
      }
      const frame = this.#pushed.shift();
      if (frame.response === name) return frame[name];
    }
  }

  close() {
    this.stream.end();
    this.client.close();
  }

  #take(frame) {
    // Numbers of 64 bits are small here; a client that lives for years reads them as BigInt.
    const waiting = this.#waiting.get(frame.request_id);
    if (waiting) {
      this.#waiting.delete(frame.request_id);
      waiting.resolve(frame);
    } else {
      this.#pushed.push(frame);
      this.#wanting.splice(0).forEach((wake) => wake());
    }
  }

  #end(error) {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
    this.#wanting.splice(0).forEach((wake) => wake());
  }
}

// The certificate that a relay shows, as PEM. Nobody is trusted by this.
function shownBy({ host, port }) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.3", ALPNProtocols: ["h2"] });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error("the relay does not answer")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const der = socket.getPeerCertificate().raw.toString("base64").replace(/.{64}/g, "$&\n");
      socket.destroy();
      resolve(`-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`);
    });
  });
}
