// Transcribes a file with OpenAI's JavaScript client, whole and as a stream: BASE_URL KEY MODEL FILE.
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, model, file] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const { text } = await client.audio.transcriptions.create({ file: createReadStream(file), model });
const stream = await client.audio.transcriptions.create({ file: createReadStream(file), model, stream: true });
let joined = "";
let done = null;
for await (const event of stream) {
  if (event.type === "transcript.text.delta") joined += event.delta;
  else if (event.type === "transcript.text.done") done = event.text;
}
let refused = null;
try {
  await client.audio.transcriptions.create({ file: createReadStream(file), model, language: "klingon" });
} catch (error) {
  refused = { status: error.status, type: error.type, message: error.message };
}
console.log(JSON.stringify({ text, joined, done, refused }));
