#!/usr/bin/env python3
"""Writes the expected lines of golden scripts from a real PostgreSQL 15.

    judge.py [--check] HOST PORT [SCRIPT ...]

Each script runs in a database of its own (dropped afterwards), statement by statement, in one psql. With --check nothing
is written, and differences from what the scripts expect are printed.
"""
import pathlib
import re
import subprocess
import sys

MARK = "=====next====="


def statements(text):
    """Yields ('sql', text) for statements and ('comment', line) for other lines that stay."""
    current = []
    for line in text.splitlines():
        if line.startswith("> "):
            current.append(line[2:])
            continue
        if current:
            yield "sql", "\n".join(current)
            current = []
        if line.startswith("# ") or not line:
            yield "comment", line
    if current:
        yield "sql", "\n".join(current)


def run(host, port, items):
    base = ["psql", "-X", "-h", host, "-p", port, "-U", "postgres"]
    subprocess.run(base + ["-qc", "drop database if exists judged", "-c", "create database judged"], check=True,
                   stderr=subprocess.DEVNULL)
    script = ["\\set VERBOSITY verbose", "\\pset format unaligned"]
    for kind, text in items:
        if kind == "sql":
            one_message = text.replace("\n", " ")
            # \; keeps several statements in one message, as the session gets them.
            script.append(re.sub(r";\s*(?=\S)", r" \\; ", one_message.rstrip().rstrip(";")) + ";")
            script.append("\\echo " + MARK)
            script.append("\\warn " + MARK)
    result = subprocess.run(base + ["-d", "judged"], input="\n".join(script), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    subprocess.run(base + ["-qc", "drop database judged"], check=True)
    parts = result.stdout.split(MARK + "\n" + MARK + "\n")
    keep = []
    for part in parts:
        lines = []
        skip_caret = False
        for line in part.splitlines():
            if skip_caret:
                skip_caret = False
                continue
            if line.startswith("LINE "):
                skip_caret = True
                continue
            if line.startswith("LOCATION: ") or line.startswith("SCHEMA NAME: ") or line.startswith("TABLE NAME: "):
                continue
            if line.startswith("COLUMN NAME: ") or line.startswith("CONSTRAINT NAME: ") or not line:
                continue
            if line == "Output format is unaligned.":
                continue
            lines.append(line)
        keep.append(lines)
    return keep


def main():
    args = sys.argv[1:]
    check = "--check" in args
    args = [arg for arg in args if arg != "--check"]
    host, port, scripts = args[0], args[1], args[2:]
    folder = pathlib.Path(__file__).parent / "scripts"
    differ = 0
    for path in [pathlib.Path(script) for script in scripts] or sorted(folder.glob("*.sql")):
        before = path.read_text()
        items = list(statements(before))
        outputs = iter(run(host, port, items))
        lines = []
        for kind, text in items:
            if kind == "comment":
                lines.append(text)
                continue
            lines += ["> " + line for line in text.splitlines()]
            lines += next(outputs)
        after = "\n".join(lines).rstrip() + "\n"
        if after != before:
            differ += 1
            print(("differs: " if check else "wrote: ") + str(path))
            if not check:
                path.write_text(after)
    sys.exit(1 if check and differ else 0)


if __name__ == "__main__":
    main()
