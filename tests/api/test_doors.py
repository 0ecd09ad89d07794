"""What the doors hand out: whoever adds a name adds it here, and thinks of who needs it."""

from __future__ import annotations

import pytest

from rowbatch import api, desk

API = [
    "Agreement",
    "DateAgreement",
    "DemoRun",
    "EXTRAS",
    "Hooks",
    "LabelsAgreement",
    "OpenCodingSet",
    "POLICY_OPTIONS",
    "Policy",
    "Preview",
    "RepairOffer",
    "Rerun",
    "Run",
    "ScaleAgreement",
    "Stage",
    "Status",
    "Trial",
    "Variants",
    "WriteOptions",
    "YesNoAgreement",
    "add_server_key",
    "agree",
    "archive",
    "as_address",
    "check",
    "check_archive",
    "check_codebook",
    "codebook_schema",
    "coding_set",
    "coding_sets",
    "command_of",
    "compare",
    "compare_rerun",
    "convert",
    "convert_codebook",
    "correct",
    "create",
    "doctor",
    "doctor_of_run",
    "estimate",
    "extract",
    "fault_names",
    "find_key",
    "find_provider",
    "find_events",
    "find_settings",
    "find_status",
    "how_many",
    "infer",
    "install_model",
    "installed_model",
    "join_units",
    "list_keys",
    "list_runs",
    "list_server_keys",
    "look_at_table",
    "looks_like_key",
    "merge_coders",
    "models",
    "open_coding_set",
    "open_run",
    "overrides_path",
    "paraphrases",
    "prepare_demo",
    "preview_table",
    "providers",
    "ready_codebook",
    "ready_codebooks",
    "remove_key",
    "remove_model",
    "remove_server_key",
    "report",
    "require_provider",
    "rerun",
    "sample",
    "sample_into_file",
    "sample_into_set",
    "sentinels",
    "serve",
    "server_home",
    "set_key",
    "settings_schema",
    "specification_curve",
    "split",
    "stability",
    "try_table",
    "terminal_bar",
    "units",
    "usd",
    "vary",
    "work",
    "write_picture",
]
"""The verbs, and the values they take and give: of the command line, of notebooks, and of pages."""


def test_the_names_of_the_verbs():
    """
    The door of the verbs is short, and each of its names leads somewhere.
    """
    assert dir(api) == sorted(API)
    for name in API:
        assert getattr(api, name) is not None


@pytest.mark.parametrize("name", dir(desk))
def test_a_name_of_the_desk(name):
    """
    Each name that pages take leads somewhere, and none of it is a verb that the other door has.
    """
    assert getattr(desk, name) is not None
    assert name not in API
