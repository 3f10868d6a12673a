#!/usr/bin/env python3
"""Medians, ratios and targets of one part of the benchmark, from the lines that lib.sh's
functions write. With --report FILE they go into the section of the part in that file as well,
between <!-- part --> and <!-- /part -->, and plots beside it."""

import argparse
import os
import platform
import re
import statistics
import time
from collections import defaultdict

import svg


def read(path):
    """{kind: [fields, ...]}"""
    records = defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, *fields = line.rstrip("\n").split("\t")
            records[kind].append(fields)
    return records


def tables(samples):
    """{metric: {(series, x): [values by round]}}, in the order of the measurements."""
    metrics = defaultdict(lambda: defaultdict(list))
    for metric, series, x, value in samples:
        metrics[metric][series, x].append(float(value))
    return metrics


def show(number):
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.2f}"


def cell(values):
    return show(statistics.median(values))


def spread(values):
    return f"{show(min(values))} to {show(max(values))}"


def with_spread(values):
    return f"{cell(values)} ({spread(values)})" if len(values) > 1 else cell(values)


def plain_rows(metrics):
    """One row for each series, the columns are the metrics, each with the spread of the rounds."""
    metrics = {name: table for name, table in metrics.items() if not any(x for _, x in table)}
    if not metrics:
        return []
    series = list(dict.fromkeys(s for table in metrics.values() for s, _ in table))
    rows = [[""] + list(metrics)]
    for s in series:
        rows.append([s] + [with_spread(t[s, ""]) if (s, "") in t else ""
                           for t in metrics.values()])
    return rows


def curve_rows(metric, table):
    """One row for each x, the columns are the series."""
    series = list(dict.fromkeys(s for s, _ in table))
    xs = sorted({float(x) for _, x in table})
    rows = [[metric] + series]
    for x in xs:
        rows.append([f"{x:,.0f}"] + [cell(table[s, f"{x:.0f}"]) for s in series])
    return rows


def verdict(sense, target, value):
    def met(limit):
        return value >= float(limit) if sense == "at-least" else value <= float(limit)
    goals = [("target", target[0])] + [("wanted", t) for t in target[1:]]
    return [f"{name} {sense.replace('-', ' ')} {limit}: {'met' if met(limit) else 'MISSED'}"
            for name, limit in goals]


def target_rows(records, metrics):
    rows = []
    for metric, series, base, sense, *target in records["compare"]:
        pairs = zip(metrics[metric][series, ""], metrics[metric][base, ""])
        ratios = [a / b for a, b in pairs if b]
        rows.append([f"{metric}, {series} / {base}", cell(ratios), spread(ratios),
                     "; ".join(verdict(sense, target, statistics.median(ratios)))])
    for metric, series, sense, *target in records["limit"]:
        values = metrics[metric][series, ""]
        rows.append([f"{metric}, {series}", cell(values), spread(values),
                     "; ".join(verdict(sense, target, statistics.median(values)))])
    return [["", "median", "rounds", ""]] + rows if rows else []


def as_text(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [("  ".join([row[0].ljust(widths[0])] +
                       [c.rjust(w) if i + 2 < len(row) or len(row) < 4 else c
                        for i, (c, w) in enumerate(zip(row[1:], widths[1:]))])).rstrip()
            for row in rows]


def as_markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- |" + " ---: |" * (len(rows[0]) - 1))
    return [re.sub(r"\bMISSED\b", "**missed**", line) for line in lines] + [""]


def machine():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores of {cpu}, Linux {platform.release().split('-')[0]}"


def conditions():
    rounds, seconds = int(os.environ["ROUNDS"]), os.environ["RUN_SECONDS"]
    return (f"{rounds} round{'s' * (rounds > 1)} of {seconds} s; {machine()}; "
            f"{time.strftime('%Y-%m-%d')}")


def write_plots(records, metrics, stem):
    """Returns the Markdown that shows them."""
    lines = []
    for metric, name, kind, title, x_label in records["plot"]:
        path = f"{stem}-{name}.svg"
        table = metrics[metric]
        if kind == "bars":
            text = svg.bars(title, metric, [(s, statistics.median(v)) for (s, _), v in table.items()])
        else:
            curves = defaultdict(list)
            for (s, x), values in table.items():
                curves[s].append((float(x), statistics.median(values)))
            text = svg.curves(title, x_label, re.sub(r" by .*", "", metric), curves)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        lines += [f"![{title}]({os.path.basename(path)})", ""]
    return lines


def write_section(path, part, lines):
    with open(path, encoding="utf-8") as old:
        text = old.read()
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    if begin not in text or end not in text:
        raise SystemExit(f"{path} has no section {begin} ... {end}")
    head, tail = text.split(begin)[0], text.split(end)[1]
    with open(path, "w", encoding="utf-8") as new:
        new.write(head + begin + "\n" + "\n".join(lines).rstrip() + "\n" + end + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report")
    parser.add_argument("results")
    arguments = parser.parse_args()
    records = read(arguments.results)
    metrics = tables(records["sample"])
    if not records["title"]:
        return
    all_rows = [rows for rows in [plain_rows(metrics)] +
                [curve_rows(m, t) for m, t in metrics.items() if any(x for _, x in t)] +
                [target_rows(records, metrics)] if rows]
    notes = list(dict.fromkeys(note for note, in records["note"]))
    output = [line for line, in records["text"]]
    print(records["title"][0][0])
    for rows in all_rows:
        print("\n".join([""] + as_text(rows)))
    print("\n".join([""] * bool(notes) + notes + output))
    if arguments.report:
        part = os.path.basename(arguments.results)
        lines = [f"### {records['title'][0][0]}", ""]
        for rows in all_rows:
            lines += as_markdown(rows)
        lines += [f"{note}  " for note in notes] + [""] * bool(notes)
        lines += ["```"] + output + ["```", ""] if output else []
        lines += write_plots(records, metrics, arguments.report.removesuffix(".md"))
        lines += [f"({conditions()})"]
        write_section(arguments.report, part, lines)


main()
