// node say.mjs LINK TEXT: registers a new account, logs in, appends TEXT to a log of its own and reads it back.
import { randomBytes } from "node:crypto";
import { loginRequest, makeIdentity, registerRequest } from "./keys.mjs";
import { Relay, parseLink } from "./relay.mjs";

const MESSAGE = "ENTRY_KIND_MESSAGE";

async function main([where, text]) {
  if (!where || text === undefined) throw new Error("usage: node say.mjs LINK TEXT");
  const link = parseLink(where);
  const relay = await Relay.connect(link);
  const me = makeIdentity();

  const asked = { handle: "", invite: link.invite };
  const { next_challenge: challenge } = await relay.ask(
    "register", registerRequest(me, relay.hello, relay.certificateHash, relay.hello.challenge, asked));
  await relay.ask("login", loginRequest(me, relay.hello, relay.certificateHash, challenge));

  const logId = randomBytes(16);
  await relay.ask("create_log", { log_id: logId });
  // In a conversation this is an MLS message, and the relay cannot read it. It would take anything; so does this log,
  // which nobody else reads.
  const payload = Buffer.from(text);
  const { seq } = await relay.ask("append", { log_id: logId, message_id: randomBytes(16), kind: MESSAGE, payload });

  await relay.ask("listen", { after: [{ log_id: logId, seq: 0 }] });
  const entry = await relay.pushed("entry");
  await relay.ask("acknowledge", { positions: [{ log_id: logId, seq: entry.seq }] });
  console.log(JSON.stringify({ account: me.accountId.toString("hex"), seq, read: entry.payload.toString() }));
  relay.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
