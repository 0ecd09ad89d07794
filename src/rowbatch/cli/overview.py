"""
What `rowbatch --help` shows: the commands by what people want to do, in a line each.

It is here by itself, so that it can be shown without what makes the commands.
"""

from __future__ import annotations

import textwrap

WIDTH = 80
"""Of the page, in columns."""

INTRODUCTION = (
    "Label a table with a language model.",
    "Rows go in, labels come out: every row once, with a status. Without a key and without the internet the "
    "work is done by a small model on this computer.",
)
EXAMPLES = (
    "rowbatch demo                 label 200 real tweets and compare with people",
    'rowbatch try posts.csv --text post --labels good,bad --prompt "Which mood?"',
    'rowbatch run posts.csv --text post --labels good,bad --prompt "Which mood?"',
)

_OPTIONS = (("--version", "Show the version."), ("-h, --help", "Show this message and exit."))

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Label a table",
        (
            ("demo", "Label real tweets and compare with people."),
            ("ui", "Open the web app; with TABLE at that table."),
            ("try", "Ask a few rows of a table at once, and see the answers."),
            ("run", "Label a table: everything in one go."),
            ("export", "Write the labelled table once more, in any format."),
            ("distil", "Learn the labels of a run; label other rows by them."),
        ),
    ),
    (
        "What is asked, and of whom",
        (
            ("codebook", "Check codebooks, and write them in other forms."),
            ("models", "List the models that are known, with prices."),
            ("model", "Get the model that runs on this computer."),
            ("key", "Keep keys in the system's keyring."),
            ("doctor", "Look at everything that a run needs."),
        ),
    ),
    (
        "How good is it",
        (
            ("how-many", "Say how many rows people have to code."),
            ("sample", "Draw rows at random, for people to code."),
            ("coding", "Coding sets: how they stand, and what people coded."),
            ("merge-coders", "Put what several people coded into one table."),
            ("validate", "How good the answers of a run are, by a coding set."),
            ("agreement", "Compare the answers of a run with a column of people's."),
            ("agree", "How far coders agree, in columns of any table."),
            ("compare", "Compare two labelled tables or runs, side by side."),
            ("disagreements", "The rows of which several models say different things."),
            ("correct", "Shares and means, corrected for a model's errors."),
            ("stability", "Ask some rows otherwise, and count what changes."),
            ("specification-curve", "One estimate in every way in which it was asked."),
        ),
    ),
    (
        "Report and repeat",
        (
            ("report", "Write all that a reviewer asks of a run."),
            ("archive", "Write one zip file that a journal's repository takes."),
            ("rerun", "Ask again what an archive asked, and compare."),
        ),
    ),
    (
        "Runs",
        (
            ("list", "List the runs on this machine, oldest first."),
            ("status", "Show how a run stands."),
            ("log", "Show what happened to a run, oldest first."),
            ("resume", "Go on with a run, from wherever it stands."),
            ("cancel", "Cancel the batches of a run that are running."),
            ("verify", "Read every file of a run again, and compare."),
            ("recover", "Make the ledger of a run anew, where it was lost."),
            ("give-up", "Wait no more for a batch that the provider forgot."),
            ("clean", "Remove the files of a run at the provider."),
        ),
    ),
    (
        "A run, step by step",
        (
            ("build", "Write the request files of a run; send nothing."),
            ("submit", "Submit what has no batch yet, as the queue allows."),
            ("watch", "Follow the batches until none is running."),
            ("download", "Bring the results of every batch that is over."),
            ("collect", "Write the labelled table from what is there."),
        ),
    ),
    (
        "Tools for tables and batch files",
        (
            ("convert", "Make a Batch JSONL file of a table."),
            ("check", "Check batch files before money is spent."),
            ("estimate", "Estimate tokens, shards and price."),
            ("split", "Split a Batch JSONL file into parts."),
            ("extract", "Make a table of the answers in result files."),
            ("units", "Cut long texts into units, a row each."),
            ("join-units", "Put the labels of units together again."),
        ),
    ),
    (
        "Servers and many machines",
        (
            ("serve", "Run the local Batch server."),
            ("plan", "Make a run whose request files many machines write."),
            ("worker", "Do the tasks of one element of an array job."),
            ("infer", "Answer request files with a model of your own."),
            ("mcp", "Let an assistant look at tables, prices and runs."),
        ),
    ),
)
"""Titles, each with its commands and what stands beside them."""

LINES = {name: line for _, commands in GROUPS for name, line in commands}
"""What each command does, in a line."""


def overview() -> str:
    """The page, at most `WIDTH` columns wide."""
    parts = [textwrap.fill(part, WIDTH - 2) for part in INTRODUCTION]
    lines = ["Usage: rowbatch [OPTIONS] COMMAND [ARGS]...", ""]
    lines += textwrap.indent("\n\n".join(parts), "  ").splitlines()
    lines += ["", *(f"    {line}" for line in EXAMPLES), "", "Options:"]
    lines += [f"  {name:<10}  {line}" for name, line in _OPTIONS]
    width = max(map(len, LINES))
    for title, commands in GROUPS:
        lines += ["", f"{title}:", *(f"  {name:<{width}}  {line}" for name, line in commands)]
    lines += ["", "`rowbatch COMMAND --help` says more of each."]
    return "\n".join(lines)
