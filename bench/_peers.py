"""Peers of durable steps, each on its embedded defaults, run in the bench's own environment.

    python bench/_peers.py NAME STEPS FOLDER

prints ``first`` and the time of the first step that runs in this process, then the seconds
that the steps took, start-up left out. In a folder where a process of it was killed it goes on
with what is recorded there. Never a dependency of the project.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

VALUE = "x" * 200
RESTATE = "OVN_RESTATE_SERVER"
"""Names the program of the Restate server."""

_ran = 0
_marks = -1


def work(*_: object) -> str:
    """Do nothing, but count: a byte in the file ``marks`` for each time."""
    global _ran, _marks  # noqa: PLW0603 - one process, one program
    if not _ran:
        print("first", time.time(), flush=True)
        _marks = os.open(Path(sys.argv[3]) / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _ran += 1
    os.write(_marks, b".")
    return VALUE


def langgraph_graph(count: int, folder: Path) -> float:
    """A graph of one node that loops, checkpointed to SQLite before the next step begins."""
    from typing import TypedDict

    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        done: int
        value: str

    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"done": state["done"] + 1, "value": work()})
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", lambda state: END if state["done"] >= count else "work")
    again = (folder / "graph.sqlite").exists()
    with SqliteSaver.from_conn_string(str(folder / "graph.sqlite")) as saver:
        built = graph.compile(checkpointer=saver)
        how = {"configurable": {"thread_id": "1"}, "recursion_limit": count + 5}
        start = time.perf_counter()
        built.invoke(None if again else {"done": 0, "value": ""}, how, durability="sync")
        return time.perf_counter() - start


def langgraph_functional(count: int, folder: Path) -> float:
    """An entrypoint that calls one task after the other."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.func import entrypoint, task

    again = (folder / "functional.sqlite").exists()
    with SqliteSaver.from_conn_string(str(folder / "functional.sqlite")) as saver:
        step = task(work)

        @entrypoint(checkpointer=saver)
        def program(total: int) -> int:
            for number in range(total):
                step(number).result()
            return total

        start = time.perf_counter()
        program.invoke(None if again else count, {"configurable": {"thread_id": "1"}}, durability="sync")
        return time.perf_counter() - start


def dbos(count: int, folder: Path) -> float:
    """A workflow whose steps are recorded in SQLite."""
    from dbos import DBOS, SetWorkflowID

    path = folder / "dbos.sqlite"
    again = path.exists()
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{path}"})
    step = DBOS.step(name="work")(work)

    @DBOS.workflow()
    def program(total: int) -> float:
        start = time.perf_counter()
        for _ in range(total):
            step()
        return time.perf_counter() - start

    DBOS.launch()  # goes on by itself with what is pending
    if again:
        seconds = DBOS.retrieve_workflow("bench").get_result()
    else:
        with SetWorkflowID("bench"):
            seconds = program(count)
    DBOS.destroy()
    return float(seconds)


def restate(count: int, folder: Path) -> float:
    """A service whose steps the Restate server journals; both processes are this one's."""
    import restate as sdk

    service = sdk.Service("Bench")

    async def run(context, total):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        for _ in range(total):
            await context.run_typed("work", work)
        return total

    run.__annotations__ = {"context": sdk.Context, "total": int, "return": int}  # it looks at them
    service.handler()(run)
    ports = _ports(folder)
    server = subprocess.Popen(
        [os.environ[RESTATE], "--no-logo", "--base-dir", str(folder / "restate")],
        env={
            **os.environ,
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ports[0]}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{ports[1]}",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{ports[2]}",
            "RESTATE_LISTEN_MODE": "tcp",
        },
        stdout=(folder / "restate.log").open("ab"),
        stderr=subprocess.STDOUT,
    )
    (folder / "server.pid").write_text(str(server.pid))
    try:
        _serve(sdk.app([service]), ports[3])
        _post(
            f"http://127.0.0.1:{ports[1]}/deployments", {"uri": f"http://127.0.0.1:{ports[3]}", "force": True}
        )
        start = time.perf_counter()
        _post(f"http://127.0.0.1:{ports[0]}/Bench/run", count, {"idempotency-key": "bench"})
        return time.perf_counter() - start
    finally:
        server.kill()
        server.wait()


def _ports(folder: Path) -> list[int]:
    """Return four free ports, the same ones in the same folder."""
    kept = folder / "ports"
    if not kept.exists():
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
        kept.write_text(json.dumps([one.getsockname()[1] for one in sockets]))
        for one in sockets:
            one.close()
    return json.loads(kept.read_text())


def _serve(app: object, port: int) -> None:
    """Serve the service from a thread, by HTTP/2, as the SDK's guide does."""
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"

    async def until_the_end() -> None:
        await serve(app, config, shutdown_trigger=asyncio.Event().wait)  # type: ignore[arg-type]

    threading.Thread(target=lambda: asyncio.run(until_the_end()), daemon=True).start()


def _post(url: str, value: object, headers: dict[str, str] | None = None) -> None:
    """Post JSON, and again as long as nobody listens there yet."""
    known = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(value).encode(), known)
    for _ in range(1200):
        with suppress(ConnectionError, urllib.error.URLError), urllib.request.urlopen(request, timeout=3600):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


PEERS = {
    "LangGraph, graph": langgraph_graph,
    "LangGraph, functional": langgraph_functional,
    "DBOS": dbos,
    "Restate server": restate,
}

if __name__ == "__main__":
    print("took", PEERS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3])), flush=True)
    os._exit(0)  # nobody's threads are waited for
