// OpenAI's SDK for Node: a batch from its file to its results, and its list.
import OpenAI, { toFile } from "openai";

const client = new OpenAI();
const url = "/v1/chat/completions";
const body = { model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }] };
const lines = Array.from({ length: 12 }, (_, n) => JSON.stringify({ custom_id: `row-${n}`, method: "POST", url, body }));
const file = await client.files.create({
  file: await toFile(Buffer.from(lines.join("\n") + "\n"), "requests.jsonl"),
  purpose: "batch",
});
let batch = await client.batches.create({ input_file_id: file.id, endpoint: url, completion_window: "24h" });
while (!["completed", "failed", "expired", "cancelled"].includes(batch.status)) {
  await new Promise((done) => setTimeout(done, 100));
  batch = await client.batches.retrieve(batch.id);
}
const text = await (await client.files.content(batch.output_file_id)).text();
const ids = new Set(text.trim().split("\n").map((line) => JSON.parse(line).custom_id));
if (ids.size !== 12) throw new Error(`${ids.size} rows of 12`);
const listed = [];
for await (const one of client.batches.list()) listed.push(one.id);
if (!listed.includes(batch.id)) throw new Error("the batch is not listed");
