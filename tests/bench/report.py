# SPDX-License-Identifier: ISC
"""What is told: the head, the tables, in markdown."""
import datetime
import os
import platform
import re
import statistics
import subprocess

from measure import read
from peers import ROOT


def median(values):
    return statistics.median(values)


def rate(run):
    return run["requests"] / run["seconds"]


def cpu(run):
    return run["cpu_us"] / run["requests"]


def busy(run):
    """Below one core the generator or the kernel's wake-ups set the pace."""
    return run["cpu_us"] / 1e6 / run["seconds"]


def lost(run):
    gone = max(run["lost"], 0) + run["errors"]
    return gone / (gone + run["requests"])


def spread(values):
    """Highest less lowest, over the median."""
    return (max(values) - min(values)) / median(values)


# --- the head ----------------------------------------------------------------

def processor():
    found = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    return found.group(1) if found else platform.machine()


def revision():
    words = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def facts(options, command, meter_name, cores):
    now = datetime.datetime.now(datetime.timezone.utc)
    pinned = "one core for both" if cores[0] == cores[1] else \
        f"server on core {cores[0]}, generator on core {cores[1]}"
    return {
        "command": command,
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} x {processor()}, "
                   f"Linux {platform.release()}",
        "load average at start": " ".join(
            f"{x:.2f}" for x in os.getloadavg()),
        "revision": revision(),
        "rounds": f"{options.rounds} of {options.seconds:g} s, interleaved; "
                  "medians",
        "pinned": pinned,
        "server CPU": f"user and system time {meter_name}",
    }


def head(told, present, missing, skipped):
    lines = [f"    {told['command']}", ""]
    lines += [f"- {name}: {text}" for name, text in told.items()
              if name != "command"]
    lines += ["", "| server | version | what answers |", "|---|---|---|"]
    lines += [f"| {peer.name} | {version} | {peer.model} |"
              for peer, version in present]
    lines += [f"| {peer.name} | missing here: not measured | {peer.model} |"
              for peer in missing]
    lines += [""] if skipped else []
    lines += [f"Skipped: {reason}." for reason in skipped]
    return "\n".join(lines) + "\n"


# --- the tables --------------------------------------------------------------

def good(runs):
    return [run for run in runs if "failed" not in run]


def ratio(own, other, value):
    """The median of what each round gave: a noisy hour hits both."""
    pairs = [value(a) / value(b) for a, b in zip(own, other)
             if "failed" not in a and "failed" not in b and value(b) > 0]
    return f"{median(pairs):.2f} x" if pairs else "-"


def failed_cell(runs):
    return "failed: " + runs[-1]["failed"].replace("|", "/")


LEGEND = """"preforkd's rate" and "preforkd's CPU" are those of the first server of the case
over the row's, the median of the rounds' ratios. "server busy" is in parts of
one core: below 100 (pinned) the generator or the wake-ups set the pace, and CPU
time is what tells servers apart. "lost": datagrams, or connections without an
answer. "spread": highest less lowest round over the median.
"""
LOAD_HEAD = (
    "| case | cores | workers | server | requests/s | {own}'s rate | "
    "server CPU us/request | {own}'s CPU | server busy % | p99 us | lost % | "
    "spread % |\n"
    "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")


def microseconds(runs, name):
    values = [run[name] for run in runs if name in run]
    return f"{median(values):.0f}" if values else "-"


def load_cells(own, runs):
    ok = good(runs)
    if not ok:
        return [failed_cell(runs)] + [""] * 7
    gone = median(map(lost, ok)) * 100
    return [f"{median(map(rate, ok)):,.0f}", ratio(own, runs, rate),
            f"{median(map(cpu, ok)):.2f}", ratio(own, runs, cpu),
            f"{median(map(busy, ok)) * 100:.0f}", microseconds(ok, "p99_us"),
            f"{gone:.2f}" if gone else "0",
            f"{spread(list(map(rate, ok))) * 100:.0f}"]


def buffers_line(result):
    seen = {name: {run.get("rcvbuf") for run in good(runs)}
            for name, runs in result["servers"].items()}
    values = set().union(*seen.values())
    if not values or values == {None}:
        return ""
    if len(values) == 1:
        return f"Receive buffer of all servers in {result['case']}, " \
            f"{result['mode']}: {values.pop()} bytes.\n"
    return f"Receive buffers DIFFER in {result['case']}: " + ", ".join(
        f"{name} {sorted(map(str, sizes))}"
        for name, sizes in seen.items()) + "\n"


def spoken_line(result):
    """What TLS the servers of a case spoke: they should not differ."""
    runs = {name: good(runs) for name, runs in result["servers"].items()}
    said = {name: {run["spoken"] for run in ok if "spoken" in run}
            for name, ok in runs.items()}
    words = set().union(*said.values())
    if not words:
        return ""
    resumed = ", ".join(
        f"{name} {median([run['resumed'] for run in ok]) * 100:.1f} %"
        for name, ok in runs.items() if said[name])
    line = words.pop() if len(words) == 1 else "DIFFERENT: " + ", ".join(
        f"{name} {sorted(kinds)}" for name, kinds in said.items())
    return f"TLS of {result['case']}, {result['mode']}: {line}. " \
        f"Resumed: {resumed}.\n"


def load_table(results):
    text = LEGEND + "\n" + LOAD_HEAD.format(own="preforkd")
    for result in results:
        own = next(iter(result["servers"].values()))
        for name, runs in result["servers"].items():
            cells = [result["case"], result["mode"], str(result["workers"]),
                     name] + load_cells(own, runs)
            text += "| " + " | ".join(cells) + " |\n"
    notes = "".join(map(buffers_line, results)) + \
        "".join(map(spoken_line, results))
    return text + ("\n" + notes if notes else "")


MEMORY_HEAD = (
    "| case | connections | workers | server | user memory a connection, "
    "bytes | before the first, KiB | processes |\n"
    "|---|--:|--:|---|--:|--:|--:|\n")


def memory_cells(result, runs):
    ok = good(runs)
    if not ok:
        return [failed_cell(runs), "", ""]
    each = median([r["bytes"] for r in ok]) / result["connections"]
    return [f"{round(each):,}",
            f"{median([r['before'] for r in ok]) / 1024:,.0f}",
            f"{median([r['processes'] for r in ok]):.0f}"]


def memory_table(results):
    text = MEMORY_HEAD
    for result in results:
        for name, runs in result["servers"].items():
            cells = [result["case"], f"{result['connections']:,}",
                     str(result["workers"]), name] + \
                memory_cells(result, runs)
            text += "| " + " | ".join(cells) + " |\n"
    return text


def tables(results):
    loads = [r for r in results if not r["memory"]]
    memory = [r for r in results if r["memory"]]
    parts = [load_table(loads)] if loads else []
    parts += [memory_table(memory)] if memory else []
    return "\n".join(parts)
