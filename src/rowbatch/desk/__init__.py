"""
The desk of whoever sits at the program: tables, drafts, jobs, results, settings. The door of the web app.

Names are imported when they are first used, as in `api`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowbatch.api.headers import keep_headers as keep_headers
    from rowbatch.api.headers import shown_headers as shown_headers
    from rowbatch.api.keys import forget_key as forget_key
    from rowbatch.api.keys import hold_key as hold_key
    from rowbatch.api.local import ensure_local_server as ensure_local_server
    from rowbatch.api.runs import model_note as model_note
    from rowbatch.api.standing import known_places as known_places
    from rowbatch.api.tools import coded_columns as coded_columns
    from rowbatch.api.tools import first_request as first_request
    from rowbatch.api.tools import header_of as header_of
    from rowbatch.api.tools import kind_of_lines as kind_of_lines
    from rowbatch.api.tools import likely_text_column as likely_text_column
    from rowbatch.core.address import host_of as host_of
    from rowbatch.core.codebook import instructions_text as instructions_text
    from rowbatch.core.codebook import open_place_in as open_place_in
    from rowbatch.core.kinds import KINDS as KINDS
    from rowbatch.core.kinds.base import LONGEST_EXAMPLE as LONGEST_EXAMPLE
    from rowbatch.core.kinds.base import Variable as Variable
    from rowbatch.core.label_list import SEPARATOR as SEPARATOR
    from rowbatch.core.table_options import ReadingKeywords as ReadingKeywords
    from rowbatch.core.table_options import ReadOptions as ReadOptions
    from rowbatch.core.table_options import read_otherwise as read_otherwise
    from rowbatch.core.table_options import said_of as said_of
    from rowbatch.desk.coding import Coding as Coding
    from rowbatch.desk.coding import CodingRoom as CodingRoom
    from rowbatch.desk.coding import draw_more as draw_more
    from rowbatch.desk.coding import new_set as new_set
    from rowbatch.desk.coding import questions_of_table as questions_of_table
    from rowbatch.desk.corrected_splits import CorrectedSplit as CorrectedSplit
    from rowbatch.desk.drafts import TEXT_FIELDS as TEXT_FIELDS
    from rowbatch.desk.drafts import Draft as Draft
    from rowbatch.desk.drafts import DraftEstimate as DraftEstimate
    from rowbatch.desk.drafts import DraftTrial as DraftTrial
    from rowbatch.desk.drafts import RowPreview as RowPreview
    from rowbatch.desk.drafts import can_tell_confidence as can_tell_confidence
    from rowbatch.desk.drafts import codebook_of_draft as codebook_of_draft
    from rowbatch.desk.drafts import draft_from_file as draft_from_file
    from rowbatch.desk.drafts import draft_from_ready as draft_from_ready
    from rowbatch.desk.drafts import efforts_of_draft as efforts_of_draft
    from rowbatch.desk.drafts import estimate_draft as estimate_draft
    from rowbatch.desk.drafts import faults as faults
    from rowbatch.desk.drafts import limit_of_draft as limit_of_draft
    from rowbatch.desk.drafts import make_run as make_run
    from rowbatch.desk.drafts import preview_row as preview_row
    from rowbatch.desk.drafts import read_draft as read_draft
    from rowbatch.desk.drafts import trial_key as trial_key
    from rowbatch.desk.drafts import try_draft as try_draft
    from rowbatch.desk.jobs import AT_WORK as AT_WORK
    from rowbatch.desk.jobs import TROUBLE_KINDS as TROUBLE_KINDS
    from rowbatch.desk.jobs import Job as Job
    from rowbatch.desk.jobs import Jobs as Jobs
    from rowbatch.desk.jobs import JobState as JobState
    from rowbatch.desk.jobs import Part as Part
    from rowbatch.desk.jobs import Trouble as Trouble
    from rowbatch.desk.jobs import TroubleKind as TroubleKind
    from rowbatch.desk.jobs import job_id as job_id
    from rowbatch.desk.jobs import left_of_month as left_of_month
    from rowbatch.desk.library import Library as Library
    from rowbatch.desk.library import LibraryTable as LibraryTable
    from rowbatch.desk.library import PageView as PageView
    from rowbatch.desk.library import TableInfo as TableInfo
    from rowbatch.desk.library import kept_ending as kept_ending
    from rowbatch.desk.library import known_ending as known_ending
    from rowbatch.desk.library import require_table_file as require_table_file
    from rowbatch.desk.library import shown_name as shown_name
    from rowbatch.desk.needed import rows_tried as rows_tried
    from rowbatch.desk.needed import sets_of_path as sets_of_path
    from rowbatch.desk.needed import sources_of_sets as sources_of_sets
    from rowbatch.desk.people import columns_of_people as columns_of_people
    from rowbatch.desk.people import is_same as is_same
    from rowbatch.desk.people import names_a_model as names_a_model
    from rowbatch.desk.people import people_said as people_said
    from rowbatch.desk.profile import Profile as Profile
    from rowbatch.desk.questions import DraftCondition as DraftCondition
    from rowbatch.desk.questions import DraftExample as DraftExample
    from rowbatch.desk.questions import DraftLabel as DraftLabel
    from rowbatch.desk.questions import DraftQuestion as DraftQuestion
    from rowbatch.desk.questions import Fault as Fault
    from rowbatch.desk.questions import add_question as add_question
    from rowbatch.desk.questions import column_names as column_names
    from rowbatch.desk.questions import condition_choices as condition_choices
    from rowbatch.desk.questions import field_prefix as field_prefix
    from rowbatch.desk.questions import move_question as move_question
    from rowbatch.desk.questions import read_condition_value as read_condition_value
    from rowbatch.desk.questions import read_questions as read_questions
    from rowbatch.desk.questions import remove_question as remove_question
    from rowbatch.desk.questions import with_column_names as with_column_names
    from rowbatch.desk.readings import Reading as Reading
    from rowbatch.desk.readings import clear_views as clear_views
    from rowbatch.desk.recipes import codebook_yaml as codebook_yaml
    from rowbatch.desk.recipes import methods_text as methods_text
    from rowbatch.desk.recipes import recipe_of_run as recipe_of_run
    from rowbatch.desk.results import Counts as Counts
    from rowbatch.desk.results import ResultRow as ResultRow
    from rowbatch.desk.results import Results as Results
    from rowbatch.desk.results import Sides as Sides
    from rowbatch.desk.results import coding_sets_of as coding_sets_of
    from rowbatch.desk.row_filter import RowFilter as RowFilter
    from rowbatch.desk.run_states import state_of_runs as state_of_runs
    from rowbatch.desk.seen_tables import header_of_run as header_of_run
    from rowbatch.desk.settings import Settings as Settings
    from rowbatch.desk.settings import change_settings as change_settings
    from rowbatch.desk.settings import read_settings as read_settings
    from rowbatch.desk.splits import Split as Split
    from rowbatch.desk.table_files import found_reading as found_reading
    from rowbatch.desk.table_files import members as members
    from rowbatch.desk.table_files import options_of as options_of
    from rowbatch.desk.table_files import sheets as sheets
    from rowbatch.desk.tasks import Stopped as Stopped
    from rowbatch.desk.tasks import Task as Task
    from rowbatch.desk.tried import judge as judge
    from rowbatch.desk.tried import judgements as judgements
    from rowbatch.desk.ways import Way as Way
    from rowbatch.desk.ways import needs_encoding as needs_encoding
    from rowbatch.desk.ways import ways_of as ways_of
    from rowbatch.processes import ask_nearby as ask_nearby
    from rowbatch.processes import began_at as began_at
    from rowbatch.processes import hold as hold
    from rowbatch.processes import is_held as is_held
    from rowbatch.processes import is_proof as is_proof
    from rowbatch.processes import prove as prove
    from rowbatch.processes import start_until_ready as start_until_ready
    from rowbatch.programs.opening import program_titles as program_titles
    from rowbatch.results.least_sure import LEAST_SURE as LEAST_SURE
    from rowbatch.serving import GUEST as GUEST
    from rowbatch.serving import serve_until_ready as serve_until_ready
    from rowbatch.store.home import cache as cache
    from rowbatch.store.home import home as home
    from rowbatch.store.home import private_file as private_file
    from rowbatch.store.home import private_folder as private_folder
    from rowbatch.store.home import repair_rights as repair_rights
    from rowbatch.store.home import write_private_file as write_private_file
    from rowbatch.store.view_folders import views_folder as views_folder
    from rowbatch.tools.codebooks import MAX_LABELS as MAX_LABELS
    from rowbatch.tools.codebooks import write_codebook as write_codebook

_PLACES = {
    "AT_WORK": "desk.jobs",
    "Coding": "desk.coding",
    "CodingRoom": "desk.coding",
    "CorrectedSplit": "desk.corrected_splits",
    "Counts": "desk.results",
    "Draft": "desk.drafts",
    "DraftCondition": "desk.questions",
    "DraftEstimate": "desk.drafts",
    "DraftExample": "desk.questions",
    "DraftLabel": "desk.questions",
    "DraftQuestion": "desk.questions",
    "DraftTrial": "desk.drafts",
    "Fault": "desk.questions",
    "GUEST": "serving",
    "Job": "desk.jobs",
    "JobState": "desk.jobs",
    "Jobs": "desk.jobs",
    "LEAST_SURE": "results.least_sure",
    "LONGEST_EXAMPLE": "core.kinds.base",
    "KINDS": "core.kinds",
    "Library": "desk.library",
    "LibraryTable": "desk.library",
    "MAX_LABELS": "tools.codebooks",
    "Part": "desk.jobs",
    "Profile": "desk.profile",
    "Reading": "desk.readings",
    "ResultRow": "desk.results",
    "Results": "desk.results",
    "coding_sets_of": "desk.results",
    "RowFilter": "desk.row_filter",
    "RowPreview": "desk.drafts",
    "PageView": "desk.library",
    "SEPARATOR": "core.label_list",
    "Settings": "desk.settings",
    "Sides": "desk.results",
    "Split": "desk.splits",
    "Stopped": "desk.tasks",
    "TEXT_FIELDS": "desk.drafts",
    "TableInfo": "desk.library",
    "Task": "desk.tasks",
    "TROUBLE_KINDS": "desk.jobs",
    "Trouble": "desk.jobs",
    "TroubleKind": "desk.jobs",
    "Variable": "core.kinds.base",
    "Way": "desk.ways",
    "add_question": "desk.questions",
    "ask_nearby": "processes",
    "began_at": "processes",
    "cache": "store.home",
    "can_tell_confidence": "desk.drafts",
    "change_settings": "desk.settings",
    "clear_views": "desk.readings",
    "coded_columns": "api.tools",
    "codebook_of_draft": "desk.drafts",
    "codebook_yaml": "desk.recipes",
    "column_names": "desk.questions",
    "columns_of_people": "desk.people",
    "header_of_run": "desk.seen_tables",
    "names_a_model": "desk.people",
    "rows_tried": "desk.needed",
    "sets_of_path": "desk.needed",
    "sources_of_sets": "desk.needed",
    "state_of_runs": "desk.run_states",
    "with_column_names": "desk.questions",
    "condition_choices": "desk.questions",
    "draw_more": "desk.coding",
    "new_set": "desk.coding",
    "questions_of_table": "desk.coding",
    "draft_from_file": "desk.drafts",
    "draft_from_ready": "desk.drafts",
    "ensure_local_server": "api.local",
    "estimate_draft": "desk.drafts",
    "faults": "desk.drafts",
    "field_prefix": "desk.questions",
    "first_request": "api.tools",
    "forget_key": "api.keys",
    "header_of": "api.tools",
    "ReadOptions": "core.table_options",
    "ReadingKeywords": "core.table_options",
    "read_otherwise": "core.table_options",
    "said_of": "core.table_options",
    "found_reading": "desk.table_files",
    "members": "desk.table_files",
    "options_of": "desk.table_files",
    "sheets": "desk.table_files",
    "hold": "processes",
    "hold_key": "api.keys",
    "keep_headers": "api.headers",
    "shown_headers": "api.headers",
    "home": "store.home",
    "host_of": "core.address",
    "is_held": "processes",
    "is_proof": "processes",
    "instructions_text": "core.codebook",
    "is_same": "desk.people",
    "job_id": "desk.jobs",
    "judge": "desk.tried",
    "judgements": "desk.tried",
    "kind_of_lines": "api.tools",
    "kept_ending": "desk.library",
    "known_ending": "desk.library",
    "known_places": "api.standing",
    "left_of_month": "desk.jobs",
    "likely_text_column": "api.tools",
    "efforts_of_draft": "desk.drafts",
    "limit_of_draft": "desk.drafts",
    "make_run": "desk.drafts",
    "methods_text": "desk.recipes",
    "model_note": "api.runs",
    "move_question": "desk.questions",
    "needs_encoding": "desk.ways",
    "open_place_in": "core.codebook",
    "people_said": "desk.people",
    "preview_row": "desk.drafts",
    "program_titles": "programs.opening",
    "private_file": "store.home",
    "private_folder": "store.home",
    "read_condition_value": "desk.questions",
    "remove_question": "desk.questions",
    "serve_until_ready": "serving",
    "start_until_ready": "processes",
    "prove": "processes",
    "read_draft": "desk.drafts",
    "read_questions": "desk.questions",
    "read_settings": "desk.settings",
    "recipe_of_run": "desk.recipes",
    "repair_rights": "store.home",
    "require_table_file": "desk.library",
    "shown_name": "desk.library",
    "trial_key": "desk.drafts",
    "try_draft": "desk.drafts",
    "views_folder": "store.view_folders",
    "ways_of": "desk.ways",
    "write_codebook": "tools.codebooks",
    "write_private_file": "store.home",
}


def load_all() -> None:
    """Import what reads tables and works on runs, so that nobody waits for it who asks for such a page."""
    for name in _PLACES:
        __getattr__(name)
    # Both are found once in a program, in 10 to 30 ms.
    import_module("rowbatch.results.columns").reader_digest()
    import_module("rowbatch.providers.catalog").find_model("", "")


def __dir__() -> list[str]:
    return sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'rowbatch.desk' has no attribute {name!r}")
    return getattr(import_module(f"rowbatch.{_PLACES[name]}"), name)
