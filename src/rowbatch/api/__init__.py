"""
The verbs as functions: the one door of the command line and of notebooks. The web app has `desk` besides.

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
    from rowbatch.api.codebooks import check_codebook as check_codebook
    from rowbatch.api.codebooks import codebook_schema as codebook_schema
    from rowbatch.api.codebooks import convert_codebook as convert_codebook
    from rowbatch.api.codebooks import ready_codebook as ready_codebook
    from rowbatch.api.codebooks import ready_codebooks as ready_codebooks
    from rowbatch.api.coding import sample as sample
    from rowbatch.api.command import POLICY_OPTIONS as POLICY_OPTIONS
    from rowbatch.api.command import command_of as command_of
    from rowbatch.api.demo import DemoRun as DemoRun
    from rowbatch.api.demo import prepare_demo as prepare_demo
    from rowbatch.api.hooks import Hooks as Hooks
    from rowbatch.api.hooks import Stage as Stage
    from rowbatch.api.hooks import terminal_bar as terminal_bar
    from rowbatch.api.keys import find_key as find_key
    from rowbatch.api.keys import list_keys as list_keys
    from rowbatch.api.keys import remove_key as remove_key
    from rowbatch.api.keys import set_key as set_key
    from rowbatch.api.local import add_server_key as add_server_key
    from rowbatch.api.local import fault_names as fault_names
    from rowbatch.api.local import list_server_keys as list_server_keys
    from rowbatch.api.local import providers as providers
    from rowbatch.api.local import remove_server_key as remove_server_key
    from rowbatch.api.local import require_provider as require_provider
    from rowbatch.api.local import serve as serve
    from rowbatch.api.local import server_home as server_home
    from rowbatch.api.local_model import install_model as install_model
    from rowbatch.api.local_model import installed_model as installed_model
    from rowbatch.api.local_model import remove_model as remove_model
    from rowbatch.api.long_texts import join_units as join_units
    from rowbatch.api.long_texts import units as units
    from rowbatch.api.looking import look_at_table as look_at_table
    from rowbatch.api.model_list import models as models
    from rowbatch.api.model_list import overrides_path as overrides_path
    from rowbatch.api.parts import split as split
    from rowbatch.api.reporting import Rerun as Rerun
    from rowbatch.api.reporting import archive as archive
    from rowbatch.api.reporting import check_archive as check_archive
    from rowbatch.api.reporting import compare_rerun as compare_rerun
    from rowbatch.api.reporting import report as report
    from rowbatch.api.reporting import rerun as rerun
    from rowbatch.api.reporting import sentinels as sentinels
    from rowbatch.api.runs import Preview as Preview
    from rowbatch.api.runs import RepairOffer as RepairOffer
    from rowbatch.api.runs import Run as Run
    from rowbatch.api.runs import create as create
    from rowbatch.api.runs import open_run as open_run
    from rowbatch.api.set_draws import sample_into_file as sample_into_file
    from rowbatch.api.set_draws import sample_into_set as sample_into_set
    from rowbatch.api.sets import OpenCodingSet as OpenCodingSet
    from rowbatch.api.sets import coding_set as coding_set
    from rowbatch.api.sets import coding_sets as coding_sets
    from rowbatch.api.sets import open_coding_set as open_coding_set
    from rowbatch.api.settings import find_settings as find_settings
    from rowbatch.api.standing import Status as Status
    from rowbatch.api.standing import find_events as find_events
    from rowbatch.api.standing import find_status as find_status
    from rowbatch.api.standing import list_runs as list_runs
    from rowbatch.api.statistics import agree as agree
    from rowbatch.api.statistics import compare as compare
    from rowbatch.api.statistics import correct as correct
    from rowbatch.api.statistics import how_many as how_many
    from rowbatch.api.statistics import merge_coders as merge_coders
    from rowbatch.api.tasks import infer as infer
    from rowbatch.api.tasks import work as work
    from rowbatch.api.tools import check as check
    from rowbatch.api.tools import convert as convert
    from rowbatch.api.tools import estimate as estimate
    from rowbatch.api.tools import extract as extract
    from rowbatch.api.trial import Trial as Trial
    from rowbatch.api.trial import preview_table as preview_table
    from rowbatch.api.trial import try_table as try_table
    from rowbatch.api.variants import Variants as Variants
    from rowbatch.api.variants import paraphrases as paraphrases
    from rowbatch.api.variants import specification_curve as specification_curve
    from rowbatch.api.variants import stability as stability
    from rowbatch.api.variants import vary as vary
    from rowbatch.api.variants import write_picture as write_picture
    from rowbatch.core.address import looks_like_key as looks_like_key
    from rowbatch.core.agreement import Agreement as Agreement
    from rowbatch.core.agreement import ScaleAgreement as ScaleAgreement
    from rowbatch.core.agreement import YesNoAgreement as YesNoAgreement
    from rowbatch.core.agreement_of_sets import LabelsAgreement as LabelsAgreement
    from rowbatch.core.kinds.date import DateAgreement as DateAgreement
    from rowbatch.core.policy import Policy as Policy
    from rowbatch.core.policy import usd as usd
    from rowbatch.core.result_columns import EXTRAS as EXTRAS
    from rowbatch.core.table_options import WriteOptions as WriteOptions
    from rowbatch.objects.address import as_address as as_address
    from rowbatch.providers.catalog import find_provider as find_provider
    from rowbatch.store.settings_file import settings_schema as settings_schema

_PLACES = {
    "Agreement": "core.agreement",
    "DateAgreement": "core.kinds.date",
    "DemoRun": "api.demo",
    "EXTRAS": "core.result_columns",
    "Hooks": "api.hooks",
    "LabelsAgreement": "core.agreement_of_sets",
    "OpenCodingSet": "api.sets",
    "POLICY_OPTIONS": "api.command",
    "Policy": "core.policy",
    "Preview": "api.runs",
    "RepairOffer": "api.runs",
    "Run": "api.runs",
    "Rerun": "api.reporting",
    "ScaleAgreement": "core.agreement",
    "Stage": "api.hooks",
    "Status": "api.standing",
    "Trial": "api.trial",
    "Variants": "api.variants",
    "WriteOptions": "core.table_options",
    "YesNoAgreement": "core.agreement",
    "agree": "api.statistics",
    "archive": "api.reporting",
    "as_address": "objects.address",
    "check": "api.tools",
    "check_archive": "api.reporting",
    "check_codebook": "api.codebooks",
    "codebook_schema": "api.codebooks",
    "coding_set": "api.sets",
    "coding_sets": "api.sets",
    "command_of": "api.command",
    "compare": "api.statistics",
    "compare_rerun": "api.reporting",
    "convert": "api.tools",
    "convert_codebook": "api.codebooks",
    "correct": "api.statistics",
    "create": "api.runs",
    "doctor": "api.checkup",
    "doctor_of_run": "api.checkup",
    "estimate": "api.tools",
    "extract": "api.tools",
    "find_events": "api.standing",
    "find_key": "api.keys",
    "find_provider": "providers.catalog",
    "find_settings": "api.settings",
    "find_status": "api.standing",
    "how_many": "api.statistics",
    "infer": "api.tasks",
    "install_model": "api.local_model",
    "installed_model": "api.local_model",
    "join_units": "api.long_texts",
    "list_keys": "api.keys",
    "list_runs": "api.standing",
    "look_at_table": "api.looking",
    "looks_like_key": "core.address",
    "merge_coders": "api.statistics",
    "models": "api.model_list",
    "open_coding_set": "api.sets",
    "open_run": "api.runs",
    "overrides_path": "api.model_list",
    "paraphrases": "api.variants",
    "prepare_demo": "api.demo",
    "preview_table": "api.trial",
    "providers": "api.local",
    "ready_codebook": "api.codebooks",
    "ready_codebooks": "api.codebooks",
    "remove_key": "api.keys",
    "remove_model": "api.local_model",
    "report": "api.reporting",
    "require_provider": "api.local",
    "rerun": "api.reporting",
    "sample": "api.coding",
    "sample_into_file": "api.set_draws",
    "sample_into_set": "api.set_draws",
    "add_server_key": "api.local",
    "list_server_keys": "api.local",
    "remove_server_key": "api.local",
    "fault_names": "api.local",
    "sentinels": "api.reporting",
    "serve": "api.local",
    "server_home": "api.local",
    "set_key": "api.keys",
    "settings_schema": "store.settings_file",
    "specification_curve": "api.variants",
    "split": "api.parts",
    "stability": "api.variants",
    "try_table": "api.trial",
    "units": "api.long_texts",
    "terminal_bar": "api.hooks",
    "usd": "core.policy",
    "vary": "api.variants",
    "work": "api.tasks",
    "write_picture": "api.variants",
}


def __dir__() -> list[str]:
    return sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'rowbatch.api' has no attribute {name!r}")
    return getattr(import_module(f"rowbatch.{_PLACES[name]}"), name)
