// git ovn for opencode: hands each event to 'git ovn agent-hook opencode' and does what it answers.
// Named in the configuration that OPENCODE_CONFIG names; nothing is written into .opencode/.
// OVN_AGENT_HOOK is what to run (a JSON list); without it the plugin does nothing.

import { spawnSync } from "node:child_process";

const line = JSON.parse(process.env.OVN_AGENT_HOOK || "[]");

// Ask the hook; whatever goes wrong, the agent works on.
function ask(directory, said) {
  if (!line.length) return {};
  const done = spawnSync(line[0], line.slice(1), {
    cwd: directory,
    input: JSON.stringify({ cwd: directory, ...said }),
    timeout: 20000,
    encoding: "utf8",
  });
  try {
    return done.stdout ? JSON.parse(done.stdout) : {};
  } catch {
    return {};
  }
}

export const Ovn = async ({ directory }) => ({
  // Every request's system prompt: no compaction can lose it.
  "experimental.chat.system.transform": async (_input, output) => {
    const { context } = ask(directory, { hook_event_name: "begin", source: "request" });
    if (context) output.system.push(context);
  },
  "experimental.session.compacting": async (_input, _output) => {
    ask(directory, { hook_event_name: "compacting" });
  },
  "tool.execute.before": async (input, output) => {
    const { deny } = ask(directory, {
      hook_event_name: "before-tool",
      tool_name: input.tool,
      tool_input: output.args,
    });
    if (deny) throw new Error(deny);
  },
  "tool.execute.after": async (input, _output) => {
    ask(directory, { hook_event_name: "after-tool", tool_name: input.tool });
  },
  event: async ({ event }) => {
    if (event.type === "session.idle") ask(directory, { hook_event_name: "end" });
    // It waits for a limit without a word, for hours: say until when, in the stream that is read.
    const status = event.type === "session.status" ? event.properties.status : undefined;
    if (status?.type === "retry") {
      const { message, next } = status;
      const told = { type: "ovn_retry", sessionID: event.properties.sessionID, message, next };
      process.stdout.write(`${JSON.stringify(told)}\n`);
    }
  },
});
