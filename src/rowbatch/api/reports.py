"""What the verbs return: the types that whoever shows them names. Only a type checker imports this."""

from __future__ import annotations

from rowbatch.api.codebooks import CheckedCodebook
from rowbatch.api.set_draws import SetDraw
from rowbatch.api.sets import Replay, SetStatus, TakenCodes, WrittenSheet
from rowbatch.api.trial import TriedTable
from rowbatch.core.agreement import Agreement, ScaleAgreement, YesNoAgreement
from rowbatch.core.agreement_of_sets import LabelsAgreement
from rowbatch.core.comparison import PeopleComparison
from rowbatch.core.cost import CostEstimate
from rowbatch.core.distillation import Distillation
from rowbatch.core.kinds.date import DateAgreement
from rowbatch.core.run_quality import RunQuality
from rowbatch.core.schedule import Schedule
from rowbatch.core.statistics.acceptance import Acceptance
from rowbatch.core.statistics.alternative_annotator import AltTest
from rowbatch.core.statistics.calibration import Calibration
from rowbatch.core.statistics.coder_agreement import CoderAgreement
from rowbatch.core.statistics.corrected import CorrectedEstimates
from rowbatch.core.statistics.figures import Figure
from rowbatch.core.statistics.how_many import HowMany
from rowbatch.core.statistics.side_by_side import SideBySide
from rowbatch.providers.catalog import KnownModel
from rowbatch.reporting.archive import ArchiveReport, CheckedArchive
from rowbatch.reporting.report import ReportWritten
from rowbatch.reporting.rerun import RerunReport
from rowbatch.reporting.sentinels import SentinelLook, Sentinels
from rowbatch.reporting.specifications import SpecificationCurve
from rowbatch.reporting.stability import RunStability
from rowbatch.results.extract_report import ExtractReport
from rowbatch.server.model_files import FetchProgress, ModelPart, Wheel
from rowbatch.steps.clean import CleanReport
from rowbatch.steps.collect import CollectReport, RoundSpent
from rowbatch.steps.disagreements import DisagreementReport
from rowbatch.steps.doctor import Check
from rowbatch.steps.drive import DriveReport
from rowbatch.steps.export import ExportReport
from rowbatch.steps.progress import Progress
from rowbatch.steps.recover import RecoverReport
from rowbatch.steps.trial import TrialReport
from rowbatch.steps.verify import VerifyReport
from rowbatch.store.ledger import Event
from rowbatch.store.settings_file import Said
from rowbatch.tables.base import BadRowList
from rowbatch.tasks.infer import ShardDone
from rowbatch.tasks.plan import TaskPlan
from rowbatch.tasks.runner import Outcome
from rowbatch.tools.check import CheckReport
from rowbatch.tools.codebooks import ConvertedCodebook
from rowbatch.tools.coding_set import ReplayedWave
from rowbatch.tools.convert import ConvertReport
from rowbatch.tools.estimate import Estimate
from rowbatch.tools.join_units import JoinUnitsReport
from rowbatch.tools.merge_coders import MergeReport
from rowbatch.tools.ready_codebooks import ReadyCodebook
from rowbatch.tools.sample import SampleForm, SampleReport
from rowbatch.tools.split import SplitReport
from rowbatch.tools.units import UnitsReport

__all__ = [
    "Acceptance",
    "Agreement",
    "AltTest",
    "ArchiveReport",
    "BadRowList",
    "Calibration",
    "Check",
    "CheckReport",
    "CheckedArchive",
    "CheckedCodebook",
    "CleanReport",
    "CoderAgreement",
    "CollectReport",
    "ConvertReport",
    "ConvertedCodebook",
    "CorrectedEstimates",
    "CostEstimate",
    "DateAgreement",
    "DisagreementReport",
    "Distillation",
    "DriveReport",
    "Estimate",
    "Event",
    "ExportReport",
    "ExtractReport",
    "FetchProgress",
    "Figure",
    "HowMany",
    "JoinUnitsReport",
    "KnownModel",
    "LabelsAgreement",
    "MergeReport",
    "ModelPart",
    "Outcome",
    "PeopleComparison",
    "Progress",
    "ReadyCodebook",
    "RecoverReport",
    "Replay",
    "ReplayedWave",
    "ReportWritten",
    "RerunReport",
    "RoundSpent",
    "RunQuality",
    "RunStability",
    "Said",
    "SampleForm",
    "SampleReport",
    "ScaleAgreement",
    "Schedule",
    "SentinelLook",
    "Sentinels",
    "SetDraw",
    "SetStatus",
    "ShardDone",
    "SideBySide",
    "SpecificationCurve",
    "SplitReport",
    "TakenCodes",
    "TaskPlan",
    "TrialReport",
    "TriedTable",
    "UnitsReport",
    "VerifyReport",
    "Wheel",
    "WrittenSheet",
    "YesNoAgreement",
]
