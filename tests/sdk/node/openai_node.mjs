// Tool rounds of the npm package `openai`: complete, and with its own runner of tools, streamed.

import OpenAI from "openai";

const [url, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/api`, apiKey, maxRetries: 0 });
const tools = ["temperature", "humidity"].map((name) => ({
  type: "function",
  function: {
    name,
    description: "Measure at a place.",
    parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
    parse: JSON.parse,
    function: ({ place }) => `${name} of ${place} is 21`,
  },
}));
const definitions = tools.map(({ type, function: { name, description, parameters } }) => ({
  type,
  function: { name, description, parameters },
}));

async function answerComplete(question) {
  const messages = [{ role: "user", content: question }];
  for (;;) {
    const completion = await client.chat.completions.create({ model, messages, tools: definitions });
    const message = completion.choices[0].message;
    if (!message.tool_calls?.length) return message.content;
    messages.push(message);
    for (const call of message.tool_calls) {
      const { function: measure } = tools.find((tool) => tool.function.name === call.function.name).function;
      messages.push({ role: "tool", tool_call_id: call.id, content: measure(JSON.parse(call.function.arguments)) });
    }
  }
}

async function answerStreamed(question) {
  const runner = client.chat.completions.runTools({
    model,
    stream: true,
    messages: [{ role: "user", content: question }],
    tools,
  });
  return runner.finalContent();
}

const [single, several] = ["What is the temperature?", "What are temperature and humidity?"];
console.log(
  JSON.stringify({
    complete: await answerComplete(single),
    streamed: await answerStreamed(single),
    several: await answerComplete(several),
    "several streamed": await answerStreamed(several),
  }),
);
