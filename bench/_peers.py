"""Peers of durable steps, each on its embedded defaults, run in the bench's own environment.

    python bench/_peers.py NAME STEPS FOLDER

prints the seconds that the steps took, start-up left out. Never a dependency of the project.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

VALUE = "x" * 200


def langgraph_graph(count: int, folder: Path) -> float:
    """A graph of one node that loops, checkpointed to SQLite before the next step begins."""
    from typing import TypedDict

    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        done: int
        value: str

    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"done": state["done"] + 1, "value": VALUE})
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", lambda state: END if state["done"] >= count else "work")
    with SqliteSaver.from_conn_string(str(folder / "graph.sqlite")) as saver:
        built = graph.compile(checkpointer=saver)
        how = {"configurable": {"thread_id": "1"}, "recursion_limit": count + 5}
        start = time.perf_counter()
        built.invoke({"done": 0, "value": ""}, how, durability="sync")
        return time.perf_counter() - start


def langgraph_functional(count: int, folder: Path) -> float:
    """An entrypoint that calls one task after the other."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.func import entrypoint, task

    with SqliteSaver.from_conn_string(str(folder / "functional.sqlite")) as saver:

        @task
        def work(_: int) -> str:
            return VALUE

        @entrypoint(checkpointer=saver)
        def program(total: int) -> int:
            for number in range(total):
                work(number).result()
            return total

        start = time.perf_counter()
        program.invoke(count, {"configurable": {"thread_id": "1"}}, durability="sync")
        return time.perf_counter() - start


def dbos(count: int, folder: Path) -> float:
    """A workflow whose steps are recorded in SQLite."""
    from dbos import DBOS

    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{folder / 'dbos.sqlite'}"})

    @DBOS.step()
    def work() -> str:
        return VALUE

    @DBOS.workflow()
    def program(total: int) -> float:
        start = time.perf_counter()
        for _ in range(total):
            work()
        return time.perf_counter() - start

    DBOS.launch()
    seconds = program(count)
    DBOS.destroy()
    return seconds


PEERS = {
    "langgraph, graph": langgraph_graph,
    "langgraph, functional": langgraph_functional,
    "dbos": dbos,
}

if __name__ == "__main__":
    print(PEERS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3])))
