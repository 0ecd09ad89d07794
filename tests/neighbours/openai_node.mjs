// OpenAI's SDK for Node: every call that the server has.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import OpenAI, { APIError, NotFoundError, toFile } from "openai";

const client = new OpenAI({ webhookSecret: process.env.WEBHOOK_SECRET });
const url = "/v1/chat/completions";
const model = "gpt-4o-mini";
const body = { model, messages: [{ role: "user", content: "hello" }] };
const lines = (rows) => Array.from({ length: rows }, (_, n) => JSON.stringify({ custom_id: `row-${n}`, method: "POST", url, body }) + "\n").join("");
const ids = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one.id);
  return found;
};
const over = ["completed", "failed", "expired", "cancelled"];

// What the server calls when a batch ends.
const events = [];
let news = () => {};
const listener = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    events.push({ text: Buffer.concat(parts).toString(), headers: request.headers });
    response.writeHead(200).end();
    news();
  });
});
await new Promise((done) => listener.listen(Number(process.env.WEBHOOK_PORT), "127.0.0.1", done));

// Files.
const upload = async (text, extra = {}) =>
  client.files.create({ file: await toFile(Buffer.from(text), "requests.jsonl"), purpose: "batch", ...extra });
const file = await upload(lines(12), { expires_after: { anchor: "created_at", seconds: 3600 } });
assert.equal(file.expires_at - file.created_at, 3600);
assert.deepEqual(await client.files.retrieve(file.id), file);
assert.equal(await (await client.files.content(file.id)).text(), lines(12));
const others = await Promise.all([upload(lines(1)), upload(lines(2))]);
const known = [file.id, ...others.map((one) => one.id)];
assert.deepEqual(new Set(await ids(client.files.list({ limit: 1 }))), new Set(known));
const newestFirst = await ids(client.files.list({ order: "desc" }));
assert.deepEqual(await ids(client.files.list({ order: "asc", purpose: "batch", limit: 2 })), newestFirst.reverse());
assert.equal((await client.files.delete(others[1].id)).deleted, true);
await assert.rejects(client.files.retrieve(others[1].id), NotFoundError);

// Uploads in parts.
const whole = Buffer.from(lines(30));
const made = await client.uploads.create({ bytes: whole.length, filename: "parts.jsonl", mime_type: "application/jsonl", purpose: "batch" });
const parts = [];
for (let at = 0; at < whole.length; at += 1000) {
  const part = await client.uploads.parts.create(made.id, { data: await toFile(whole.subarray(at, at + 1000), "part") });
  parts.push(part.id);
}
const completed = await client.uploads.complete(made.id, { part_ids: parts });
assert.equal(completed.status, "completed");
assert.equal(await (await client.files.content(completed.file.id)).text(), lines(30));
const dropped = await client.uploads.create({ bytes: 5, filename: "x.jsonl", mime_type: "application/jsonl", purpose: "batch" });
assert.equal((await client.uploads.cancel(dropped.id)).status, "cancelled");

// Batches.
const create = (id) => client.batches.create({ input_file_id: id, endpoint: url, completion_window: "24h", metadata: { wave: "3" } });
const end = async (batch) => {
  while (!over.includes(batch.status)) {
    await new Promise((done) => setTimeout(done, 100));
    batch = await client.batches.retrieve(batch.id);
  }
  return batch;
};
const batch = await end(await create(file.id));
assert.equal(batch.status, "completed", JSON.stringify(batch.errors));
assert.deepEqual(batch.request_counts, { total: 12, completed: 12, failed: 0 });
assert.deepEqual(batch.metadata, { wave: "3" });
const results = (await (await client.files.content(batch.output_file_id)).text()).trim().split("\n").map((line) => JSON.parse(line));
assert.deepEqual(results.map((line) => line.custom_id).sort(), Array.from({ length: 12 }, (_, n) => `row-${n}`).sort());
for (const line of results) assert.equal(line.response.body.choices[0].message.content, "hello");
const failed = await end(await create(known[1].replace(/.$/, (last) => (last === "0" ? "1" : "0"))));
assert.equal(failed.status, "failed");
assert.ok(failed.errors.data[0].message);
const cancelled = await create(completed.file.id);
// It may be over before the cancel comes, which is then a conflict.
await client.batches.cancel(cancelled.id).catch((error) => assert.equal(error.status, 409));
assert.ok(["cancelled", "completed"].includes((await end(cancelled)).status));
assert.deepEqual(await ids(client.batches.list({ limit: 1 })), [cancelled.id, failed.id, batch.id]);
const page = await client.batches.list({ after: cancelled.id, limit: 1 });
assert.deepEqual(page.data.map((one) => one.id), [failed.id]);
assert.ok(page.hasNextPage());
await assert.rejects(client.batches.retrieve("batch_none"), NotFoundError);

// Webhooks.
while (events.length < 3) await new Promise((done) => { news = done; });
listener.close();
const told = await Promise.all(events.map(({ text, headers }) => client.webhooks.unwrap(text, headers)));
assert.deepEqual(new Set(told.map((event) => event.data.id)), new Set([batch.id, failed.id, cancelled.id]));
assert.ok(told.some((event) => event.type === "batch.completed") && told.some((event) => event.type === "batch.failed"));
await client.webhooks.verifySignature(events[0].text, events[0].headers);
await assert.rejects(client.webhooks.unwrap(events[0].text + " ", events[0].headers));

// Models, one of which has a slash in its name.
const models = await ids(client.models.list());
assert.ok(models.length);
for (const id of models) assert.equal((await client.models.retrieve(id)).id, id);

// Answers at once.
const streamed = async (stream, text) => {
  let found = "";
  for await (const event of stream) found += text(event) ?? "";
  return found;
};
assert.equal((await client.chat.completions.create(body)).choices[0].message.content, "hello");
assert.equal(await streamed(await client.chat.completions.create({ ...body, stream: true }), (event) => event.choices[0]?.delta?.content), "hello");
assert.equal(await client.chat.completions.stream(body).finalContent(), "hello");
const form = { type: "json_schema", json_schema: { name: "mood", strict: true, schema: { type: "object", properties: { mood: { enum: ["good", "bad"] } }, required: ["mood"], additionalProperties: false } } };
const parsed = await client.chat.completions.parse({ ...body, response_format: form });
assert.ok(["good", "bad"].includes(parsed.choices[0].message.parsed.mood));
assert.equal((await client.responses.create({ model, input: "hello" })).output_text, "hello");
assert.equal(await streamed(await client.responses.create({ model, input: "hello", stream: true }), (event) => event.type === "response.output_text.delta" ? event.delta : ""), "hello");
// Numbers come in base64 where nothing else is said, and the SDK reads them.
for (const encoding_format of [undefined, "float", "base64"]) {
  const { data } = await client.embeddings.create({ model, input: ["one", "two"], encoding_format });
  assert.equal(data.length, 2);
  if (encoding_format !== "base64") assert.equal(typeof data[1].embedding[0], "number");
}
assert.equal((await client.completions.create({ model, prompt: "hello" })).choices[0].text, "hello");
assert.equal(await streamed(await client.completions.create({ model, prompt: "hello", stream: true }), (event) => event.choices[0]?.text), "hello");
assert.equal((await client.moderations.create({ model, input: ["one", "two"] })).results.length, 2);

// Errors have the SDK's classes, and a request's id.
const refused = await client.chat.completions.create({ ...body, messages: "odd" }).catch((error) => error);
assert.ok(refused instanceof APIError && refused.status === 400 && refused.requestID, String(refused));
await assert.rejects(new OpenAI({ apiKey: "wrong", maxRetries: 0 }).models.list(), (error) => error.status === 401);
