"""All entries: those of each room, put together."""

from __future__ import annotations

from rowbatch.words.for_answers import ANSWERS
from rowbatch.words.for_coding import CODING
from rowbatch.words.for_distil import DISTIL
from rowbatch.words.for_doors import DOORS
from rowbatch.words.for_drive import DRIVE
from rowbatch.words.for_files import FILES
from rowbatch.words.for_kinds import KINDS
from rowbatch.words.for_objects import OBJECTS
from rowbatch.words.for_pages import PAGES
from rowbatch.words.for_plans import PLANS
from rowbatch.words.for_quality import QUALITY
from rowbatch.words.for_ray import RAY
from rowbatch.words.for_reports import REPORTS
from rowbatch.words.for_runs import RUNS
from rowbatch.words.for_schedules import SCHEDULES
from rowbatch.words.for_services import SERVICES
from rowbatch.words.for_stability import STABILITY
from rowbatch.words.for_statistics import STATISTICS
from rowbatch.words.for_tables import TABLES
from rowbatch.words.for_tasks import TASKS
from rowbatch.words.for_tools import TOOLS
from rowbatch.words.telling import Entry

ROOMS = (
    ANSWERS,
    FILES,
    TABLES,
    TOOLS,
    TASKS,
    RAY,
    PLANS,
    RUNS,
    KINDS,
    SCHEDULES,
    DRIVE,
    SERVICES,
    OBJECTS,
    PAGES,
    DOORS,
    STATISTICS,
    CODING,
    QUALITY,
    DISTIL,
    REPORTS,
    STABILITY,
)
ENTRIES: dict[str, Entry] = {kind: entry for room in ROOMS for kind, entry in room.items()}
