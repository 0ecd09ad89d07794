"""
The verbs as functions: the only door for the command line, the web app and notebooks.

    run = rowbatch.create("posts.csv", text="post", labels=["good", "bad"], prompt="How is the mood?")
    print(run.preview())
    run.submit()
    run.wait()
    run.table()

Names are imported when they are first used: splitting a file needs nothing that reads tables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowbatch.api.checkup import doctor as doctor
    from rowbatch.api.checkup import doctor_of_run as doctor_of_run
    from rowbatch.api.demo import DemoRun as DemoRun
    from rowbatch.api.demo import prepare_demo as prepare_demo
    from rowbatch.api.drafts import MAX_LABELS as MAX_LABELS
    from rowbatch.api.drafts import Draft as Draft
    from rowbatch.api.drafts import DraftEstimate as DraftEstimate
    from rowbatch.api.drafts import DraftLabel as DraftLabel
    from rowbatch.api.drafts import DraftTrial as DraftTrial
    from rowbatch.api.drafts import Fault as Fault
    from rowbatch.api.drafts import RowPreview as RowPreview
    from rowbatch.api.drafts import codebook_of_draft as codebook_of_draft
    from rowbatch.api.drafts import columns_of_template as columns_of_template
    from rowbatch.api.drafts import draft_from_file as draft_from_file
    from rowbatch.api.drafts import estimate_draft as estimate_draft
    from rowbatch.api.drafts import faults as faults
    from rowbatch.api.drafts import limit_of_draft as limit_of_draft
    from rowbatch.api.drafts import make_run as make_run
    from rowbatch.api.drafts import preview_row as preview_row
    from rowbatch.api.drafts import read_draft as read_draft
    from rowbatch.api.drafts import trial_key as trial_key
    from rowbatch.api.drafts import try_draft as try_draft
    from rowbatch.api.jobs import AT_WORK as AT_WORK
    from rowbatch.api.jobs import Job as Job
    from rowbatch.api.jobs import Jobs as Jobs
    from rowbatch.api.jobs import JobState as JobState
    from rowbatch.api.jobs import Part as Part
    from rowbatch.api.jobs import Trouble as Trouble
    from rowbatch.api.jobs import job_id as job_id
    from rowbatch.api.jobs import left_of_month as left_of_month
    from rowbatch.api.keys import find_key as find_key
    from rowbatch.api.keys import forget_key as forget_key
    from rowbatch.api.keys import hold_key as hold_key
    from rowbatch.api.keys import host_of as host_of
    from rowbatch.api.keys import list_keys as list_keys
    from rowbatch.api.keys import remove_key as remove_key
    from rowbatch.api.keys import set_key as set_key
    from rowbatch.api.library import Library as Library
    from rowbatch.api.library import LibraryTable as LibraryTable
    from rowbatch.api.library import Profile as Profile
    from rowbatch.api.library import Reading as Reading
    from rowbatch.api.library import TableInfo as TableInfo
    from rowbatch.api.library import as_options as as_options
    from rowbatch.api.library import known_ending as known_ending
    from rowbatch.api.library import require_table_file as require_table_file
    from rowbatch.api.library import shown_name as shown_name
    from rowbatch.api.library import views_folder as views_folder
    from rowbatch.api.local import ensure_local_server as ensure_local_server
    from rowbatch.api.local import providers as providers
    from rowbatch.api.local import require_provider as require_provider
    from rowbatch.api.local import serve as serve
    from rowbatch.api.local import server_home as server_home
    from rowbatch.api.model_list import models as models
    from rowbatch.api.model_list import overrides_path as overrides_path
    from rowbatch.api.parts import split as split
    from rowbatch.api.policy import RunPolicy as RunPolicy
    from rowbatch.api.policy import usd as usd
    from rowbatch.api.recipes import codebook_yaml as codebook_yaml
    from rowbatch.api.recipes import methods_text as methods_text
    from rowbatch.api.recipes import recipe_of_run as recipe_of_run
    from rowbatch.api.results import Counts as Counts
    from rowbatch.api.results import ResultRow as ResultRow
    from rowbatch.api.results import Results as Results
    from rowbatch.api.results import RowFilter as RowFilter
    from rowbatch.api.runs import Hooks as Hooks
    from rowbatch.api.runs import Preview as Preview
    from rowbatch.api.runs import Run as Run
    from rowbatch.api.runs import Stage as Stage
    from rowbatch.api.runs import Status as Status
    from rowbatch.api.runs import create as create
    from rowbatch.api.runs import known_places as known_places
    from rowbatch.api.runs import list_runs as list_runs
    from rowbatch.api.runs import model_note as model_note
    from rowbatch.api.runs import open_run as open_run
    from rowbatch.api.settings import Settings as Settings
    from rowbatch.api.settings import change_settings as change_settings
    from rowbatch.api.settings import read_settings as read_settings
    from rowbatch.api.tasks import Stopped as Stopped
    from rowbatch.api.tasks import Task as Task
    from rowbatch.api.tools import check as check
    from rowbatch.api.tools import convert as convert
    from rowbatch.api.tools import estimate as estimate
    from rowbatch.api.tools import extract as extract
    from rowbatch.api.tools import first_request as first_request
    from rowbatch.api.tools import header_of as header_of
    from rowbatch.api.tools import kind_of_lines as kind_of_lines
    from rowbatch.api.tools import likely_text_column as likely_text_column
    from rowbatch.core.codebook import instructions_text as instructions_text
    from rowbatch.processes import python_environment as python_environment
    from rowbatch.processes import python_module as python_module
    from rowbatch.providers.catalog import find_provider as find_provider
    from rowbatch.store.home import cache as cache
    from rowbatch.store.home import home as home
    from rowbatch.tables.writer import WriteOptions as WriteOptions

_PLACES = {
    "DemoRun": "api.demo",
    "prepare_demo": "api.demo",
    "doctor": "api.checkup",
    "doctor_of_run": "api.checkup",
    "codebook_of_draft": "api.drafts",
    "Draft": "api.drafts",
    "MAX_LABELS": "api.drafts",
    "draft_from_file": "api.drafts",
    "DraftEstimate": "api.drafts",
    "DraftLabel": "api.drafts",
    "DraftTrial": "api.drafts",
    "estimate_draft": "api.drafts",
    "Fault": "api.drafts",
    "faults": "api.drafts",
    "limit_of_draft": "api.drafts",
    "make_run": "api.drafts",
    "preview_row": "api.drafts",
    "read_draft": "api.drafts",
    "RowPreview": "api.drafts",
    "trial_key": "api.drafts",
    "try_draft": "api.drafts",
    "AT_WORK": "api.jobs",
    "Job": "api.jobs",
    "job_id": "api.jobs",
    "left_of_month": "api.jobs",
    "Jobs": "api.jobs",
    "JobState": "api.jobs",
    "Part": "api.jobs",
    "Trouble": "api.jobs",
    "find_key": "api.keys",
    "forget_key": "api.keys",
    "hold_key": "api.keys",
    "host_of": "api.keys",
    "list_keys": "api.keys",
    "remove_key": "api.keys",
    "set_key": "api.keys",
    "as_options": "api.library",
    "Library": "api.library",
    "LibraryTable": "api.library",
    "Profile": "api.library",
    "Reading": "api.library",
    "require_table_file": "api.library",
    "shown_name": "api.library",
    "TableInfo": "api.library",
    "views_folder": "api.library",
    "ensure_local_server": "api.local",
    "providers": "api.local",
    "require_provider": "api.local",
    "serve": "api.local",
    "server_home": "api.local",
    "models": "api.model_list",
    "overrides_path": "api.model_list",
    "split": "api.parts",
    "RunPolicy": "api.policy",
    "usd": "api.policy",
    "methods_text": "api.recipes",
    "recipe_of_run": "api.recipes",
    "Counts": "api.results",
    "ResultRow": "api.results",
    "Results": "api.results",
    "RowFilter": "api.results",
    "create": "api.runs",
    "Hooks": "api.runs",
    "known_places": "api.runs",
    "list_runs": "api.runs",
    "open_run": "api.runs",
    "Preview": "api.runs",
    "Run": "api.runs",
    "Stage": "api.runs",
    "Status": "api.runs",
    "change_settings": "api.settings",
    "read_settings": "api.settings",
    "Settings": "api.settings",
    "Stopped": "api.tasks",
    "Task": "api.tasks",
    "check": "api.tools",
    "convert": "api.tools",
    "estimate": "api.tools",
    "extract": "api.tools",
    "header_of": "api.tools",
    "kind_of_lines": "api.tools",
    "likely_text_column": "api.tools",
    "first_request": "api.tools",
    "cache": "store.home",
    "WriteOptions": "tables.writer",
    "columns_of_template": "api.drafts",
    "codebook_yaml": "api.recipes",
    "model_note": "api.runs",
    "find_provider": "providers.catalog",
    "instructions_text": "core.codebook",
    "home": "store.home",
    "known_ending": "api.library",
    "python_module": "processes",
    "python_environment": "processes",
}


def __dir__() -> list[str]:
    return sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'rowbatch.api' has no attribute {name!r}")
    return getattr(import_module(f"rowbatch.{_PLACES[name]}"), name)
