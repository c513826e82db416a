"""A model server on the loopback, driven by a script, in four wire formats.

Anthropic Messages (Claude Code), OpenAI Responses (Codex), OpenAI Chat (opencode), Gemini. The
script is a list of steps, or a function from a request to its step. A step is a dict: ``text`` and
``calls`` (``name``, ``input``; for Codex also ``namespace``), ``usage`` (tokens in, out), or
``error`` (``status``, ``headers``, ``body``), or ``hang`` (seconds of silence after the headers).
Requests that carry no tools, and those that ask for a summary, take no step. Past the end the
model says DONE.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SUMMARY = "<summary>SUMMARY of what was done</summary>"
ASKS_FOR_SUMMARY = ("Before providing your final summary", "CONTEXT CHECKPOINT COMPACTION", "handoff summary")


class Stub:
    """The server: ``requests`` are those that took a step or asked for a summary, in their order."""

    def __init__(
        self, steps: list[dict[str, Any]], choose: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> None:
        self.steps = steps
        self.choose = choose
        self.requests: list[dict[str, Any]] = []
        self.summaries = 0
        self.taken = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def step(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what to answer to a request."""
        said = json.dumps(conversation(body)[-1:])
        with self._lock:
            if any(words in said for words in ASKS_FOR_SUMMARY):
                self.summaries += 1
                return {"text": SUMMARY}
            if not body.get("tools") or body.get("max_tokens") == 1:
                return {"text": "{}"}
            self.requests.append(body)
            self.taken += 1
            if self.choose is not None:
                return self.choose(body)
            return self.steps[self.taken - 1] if self.taken <= len(self.steps) else {"text": "DONE"}


def conversation(body: dict[str, Any]) -> list[Any]:
    """Return the messages of a request, whatever its format calls them."""
    found = body.get("messages") or body.get("input") or body.get("contents") or []
    return found if isinstance(found, list) else [found]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._json({"object": "list", "data": [], "models": []})

    def do_HEAD(self) -> None:
        self._json({})

    def do_POST(self) -> None:
        body = json.loads(self._body() or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith(("/count_tokens", ":countTokens")):
            self._json({"input_tokens": 100, "totalTokens": 100})
            return
        form = next((make for end, make in FORMS.items() if path.endswith(end)), None)
        if form is None:
            self._json({})
            return
        step = self.stub.step(body)
        if "error" in step:
            self._json(step["error"].get("body", {}), step["error"]["status"], step["error"].get("headers"))
            return
        try:
            if not self._streams(path, body):
                self._json(form(step, body)[-1])
                return
            self._stream(step, form(step, body))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the agent was ended

    def _body(self) -> bytes:
        if (self.headers.get("transfer-encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    @staticmethod
    def _streams(path: str, body: dict[str, Any]) -> bool:
        return "streamGenerateContent" in path or body.get("stream", "generateContent" not in path) is True

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for key, text in {**(headers or {}), "content-type": "application/json"}.items():
            self.send_header(key, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, step: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, event in enumerate(events):
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            if number == 0 and step.get("hang"):
                time.sleep(step["hang"])
        if "choices" in events[-1]:
            self.wfile.write(b"data: [DONE]\n\n")


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:16]}"


def _messages(step: dict[str, Any], body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of Anthropic Messages."""
    sent, received = step.get("usage", (100, 20))
    used = {"input_tokens": sent, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    begun = {
        "id": _id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
    }
    begun |= {"stop_reason": None, "stop_sequence": None, "usage": {**used, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    parts = (
        [({"type": "text", "text": ""}, {"type": "text_delta", "text": step["text"]})]
        if step.get("text")
        else []
    )
    for call in step.get("calls", []):
        block = {"type": "tool_use", "id": _id("toolu"), "name": call["name"], "input": {}}
        parts.append((block, {"type": "input_json_delta", "partial_json": json.dumps(call["input"])}))
    for index, (block, delta) in enumerate(parts):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = "tool_use" if step.get("calls") else "end_turn"
    delta = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {**used, "output_tokens": received}})
    return [*events, {"type": "message_stop"}]


def _responses(step: dict[str, Any], _: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of OpenAI Responses."""
    sent, received = step.get("usage", (100, 20))
    made: list[dict[str, Any]] = []
    if step.get("text"):
        content = [{"type": "output_text", "text": step["text"], "annotations": []}]
        made.append({"type": "message", "role": "assistant", "id": _id("m"), "content": content})
    for call in step.get("calls", []):
        item = {"type": "function_call", "id": _id("fc"), "call_id": _id("call"), "name": call["name"]}
        extra = {"namespace": call["namespace"]} if call.get("namespace") else {}
        made.append({**item, "arguments": json.dumps(call["input"]), **extra})
    number = _id("resp")
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": number}}]
    for index, item in enumerate(made):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    used = {"input_tokens": sent, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": received}
    used |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": sent + received}
    whole = {"id": number, "status": "completed", "output": made, "usage": used}
    return [*events, {"type": "response.completed", "response": whole}]


def _chat(step: dict[str, Any], body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of OpenAI Chat."""
    sent, received = step.get("usage", (100, 20))
    calls = [
        {
            "index": index,
            "id": _id("call"),
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["input"])},
        }
        for index, call in enumerate(step.get("calls", []))
    ]
    base = {"id": _id("chatcmpl"), "created": int(time.time()), "model": body.get("model")}
    base |= {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": step["text"]}] if step.get("text") else []
    deltas += [{"tool_calls": calls}] if calls else []
    events = [{**base, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    over = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
    used = {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}
    return [*events, {**base, "choices": [over]}, {**base, "choices": [], "usage": used}]


def _gemini(step: dict[str, Any], _: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the one event of Gemini."""
    sent, received = step.get("usage", (100, 20))
    parts: list[dict[str, Any]] = [{"text": step["text"]}] if step.get("text") else []
    parts += [
        {"functionCall": {"name": call["name"], "args": call["input"], "id": _id("call")}}
        for call in step.get("calls", [])
    ]
    said = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    used = {"promptTokenCount": sent, "candidatesTokenCount": received, "totalTokenCount": sent + received}
    return [{"candidates": [said], "usageMetadata": used, "modelVersion": "stub"}]


FORMS = {
    "/v1/messages": _messages,
    "/responses": _responses,
    "/chat/completions": _chat,
    ":streamGenerateContent": _gemini,
    ":generateContent": _gemini,
}
"""How a request's path ends: what makes the events of its answer."""
