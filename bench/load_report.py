"""The tables of the load proof for the docs."""

from __future__ import annotations

from bench.cluster_servers import FASTBACK
from bench.load_proof import ANSWER_TOKENS, RATE, READ_CONNECTIONS, LoadResult
from bench.scaling_report import Row, format_table


def count_failures(result: LoadResult) -> int:
    return sum(result.failures.values())


def _format_memory(result: LoadResult) -> str:
    """Return the memory of the processes that serve; those of the managers follow after a semicolon."""
    sizes = sorted((size for node in result.memory for size in node), reverse=True)
    serving, others = sizes[:4], sizes[4:]
    return f"{', '.join(f'{size:.0f}' for size in serving)}; {sum(others):.0f}"


def _format_cores(result: LoadResult) -> str:
    parts = (*result.shares, result.proxy_seconds, result.client_seconds)
    return ", ".join(f"{part / result.seconds:.2f}" for part in parts)


def list_rows(result: LoadResult) -> list[tuple[str, str]]:
    """Return the figures of a run with their names."""
    figures = result.page_figures
    return [
        ("open pages, of them asking", f"{figures['open']}, {result.size.streams}"),
        ("failed requests", f"{count_failures(result):,}"),
        ("responses of nginx with 500 and above", f"{result.proxy_errors:,}"),
        ("reads/s", f"{result.read_rate:,.0f}"),
        ("reads, p50 and p99 (ms)", f"{result.get_read_time('p50'):.1f}, {result.get_read_time('p99'):.1f}"),
        ("tokens/s", f"{figures['tokens'] / figures['seconds']:,.0f}"),
        ("first token, p50 and p99 (ms)", f"{result.get_first_token(0.5):.0f}, {result.get_first_token(0.99):.0f}"),
        ("answers, of them incomplete", f"{figures['answers']:,}, {figures['incomplete']}"),
        ("pages that lost their socket", f"{figures['reconnections']:,}"),
        ("memory of the four processes; of the rest (MB)", _format_memory(result)),
        ("cores: server, PostgreSQL and Redis, model, nginx, clients", _format_cores(result)),
    ]


def format_load(results: dict[str, LoadResult], notes: list[str]) -> str:
    """Return the section about the load behind nginx; `notes` say what failed in other runs."""
    columns = [dict(list_rows(result)) for result in results.values()]
    rows: list[Row] = [(name, *(column[name] for column in columns)) for name in columns[0]]
    parts = [_LOAD_METHOD, format_table(("", *results), rows)]
    for name, result in results.items():
        parts += [f"{name}, failed {count} ×: `{failure[:160]}`" for failure, count in result.failures.items()]
    return "\n\n".join([*parts, *notes])


def list_restart_bars(result: LoadResult) -> list[tuple[str, int]]:
    """Return what has to be zero after a restart under load."""
    figures = result.page_figures
    return [
        ("failed requests", count_failures(result)),
        ("answers that are not complete", figures["incomplete"]),
        ("messages or chats that exist twice", figures["duplicated"] + max(0, result.chats - figures["answers"])),
    ]


def format_restart(result: LoadResult) -> str:
    """Return the section about the restart under load."""
    rows: list[Row] = list(list_rows(result))
    rows += [(name, str(count)) for name, count in list_restart_bars(result)[1:]]
    rows.append(("GET requests that nginx repeated at the other node", f"{result.retries['GET']:,}"))
    rows.append(("POST requests that a node refused to connect, sent to the other one", f"{result.retries['POST']:,}"))
    for number, (stop, start) in enumerate(result.restarts, 1):
        rows.append((f"node {number}: stopped after, ready after (s)", f"{stop:.1f}, {start:.1f}"))
    parts = [_RESTART_METHOD, format_table(("", FASTBACK), rows)]
    parts += [f"Failed {count} ×: `{failure[:160]}`" for failure, count in result.failures.items()]
    return "\n\n".join(parts)


_LOAD_METHOD = f"""Two nodes of two processes each behind nginx (`deploy/nginx-cluster.conf`), with one PostgreSQL and
one Redis. Fifty users have the pages open, from twenty addresses; some of these ask in a new chat again and again, and
receive answers of {ANSWER_TOKENS} tokens at {RATE:.0f} tokens a second. Meanwhile {READ_CONNECTIONS} connections read
`/api/models` and the list of chats as fast as they can, so the machine is always busy. At the end every chat is read,
and its text compared."""

_RESTART_METHOD = """The same load while both nodes are restarted, one after the other: SIGTERM, the end of all its
processes, a new start, ready, five seconds of pause. Clients repeat only a GET that fails; nginx repeats requests that
change nothing where a connection breaks, and any request where it cannot connect."""
