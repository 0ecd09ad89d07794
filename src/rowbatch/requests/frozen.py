"""What the frozen settings of a run mean: its table, its codebook, its requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.endpoint import answer_format, find_endpoint
from rowbatch.core.request import RequestSettings
from rowbatch.core.template import Template
from rowbatch.errors import RunError
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.images import ImageColumn
from rowbatch.store.rundir import RunDirectory, RunSettings, digest_source, require_source, size_of_source
from rowbatch.tables.base import ReadOptions, Table, TableChunk
from rowbatch.tables.formats import open_table

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

ID_PREFIX = "row-"


def codebook_of(settings: RunSettings) -> Codebook:
    """The codebook that the run was made with."""
    from rowbatch.core.codebook import parse_codebook

    return parse_codebook(dict(settings.answer))


def request_settings_of(settings: RunSettings) -> RequestSettings:
    """How a row of the table becomes a request: the same settings give the same bytes."""
    from rowbatch.core.codebook import instructions_text

    codebook = codebook_of(settings)
    request = settings.request
    endpoint = find_endpoint(request["url"])
    with_ranges = find_provider(request["provider"]).schema_ranges
    parameters = {
        **request["parameters"],
        **answer_format(endpoint, codebook, with_ranges=with_ranges),
    }
    # Instructions are the person's own words, not a template: braces in them are braces.
    instructions = instructions_text(codebook)
    return RequestSettings(
        endpoint=endpoint,
        model=request["model"],
        system=Template.literal(instructions) if instructions else None,
        user=user_template(settings),
        image=settings.table.get("image") or None,
        parameters=parameters,
        id_prefix=ID_PREFIX,
    )


def user_template(settings: RunSettings) -> Template:
    """The user message: the template that was given, or the text alone."""
    template = settings.request["template"]
    return Template.parse(template) if template else Template.column_only(settings.table["text"])


def table_of(run: RunDirectory, settings: RunSettings) -> Table:
    """
    Open the run's table, after making sure that it is still the same file.

    Raises:
        InputError: It is gone.
        RunError: It was changed since the run was made.
    """
    path = Path(settings.table["path"])
    require_source(path)
    same_size = size_of_source(path) == settings.table["size_bytes"]
    if not same_size or digest_source(path) != settings.table["sha256"]:
        raise RunError(
            f"the table {path} was changed since this run was made, so its rows may be others now",
            path=str(run.path),
            hint="bring the old file back, or make a new run; the answers that came stay in "
            f"{run.results} and `rowbatch extract` reads them",
        )
    return open_table(path, ReadOptions(**settings.table["reading"]))


def text_columns(table: Table, settings: RunSettings) -> list[int]:
    """Positions of the columns whose emptiness makes a row `skipped`."""
    text, image = settings.table["text"], settings.table.get("image")
    names = {text} if text else set(user_template(settings).columns)
    return sorted({table.column(name) for name in names | ({image} if image else set())})


def frame_of(chunk: TableChunk, table: Table, settings: RunSettings) -> pl.DataFrame:
    """A chunk's texts as the requests take them: with images where there is a column of these."""
    image, folder = settings.table.get("image"), settings.table.get("image_folder")
    if not image:
        return chunk.frame
    place = Path(folder) if folder else None
    return ImageColumn(table.path, image, table.column(image), place).filled(chunk)
