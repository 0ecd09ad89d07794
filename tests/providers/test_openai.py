"""OpenAI's batch objects, and what compatible servers do differently."""

from datetime import UTC, datetime

import httpx2
import pytest

from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient
from rowbatch.providers.base import TOKEN_FIELD
from rowbatch.providers.openai import OpenAIBatchClient, read_batch

BATCH = {
    "id": "batch_1",
    "object": "batch",
    "status": "completed",
    "input_file_id": "file-1",
    "created_at": 1_790_000_000,
    "output_file_id": "file-2",
    "error_file_id": None,
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "metadata": {TOKEN_FIELD: "t1"},
    "errors": None,
}


@pytest.mark.parametrize(
    ("change", "attribute", "value"),
    [
        pytest.param({}, "output_file_id", "file-2", id="output"),
        pytest.param({"output_file_id": ""}, "output_file_id", None, id="empty-id-is-none"),
        pytest.param({"status": "COMPLETED"}, "is_terminal", True, id="upper-case"),
        pytest.param({"status": "paused"}, "is_terminal", False, id="unknown-status-is-not-over"),
        pytest.param({"request_counts": None}, "completed", 0, id="no-counts"),
        pytest.param({"request_counts": {"completed": None}}, "completed", 0, id="null-count"),
        pytest.param({"metadata": None}, "metadata", {}, id="no-metadata"),
        pytest.param(
            {"errors": {"object": "list", "data": [{"message": "bad", "line": 3}]}},
            "error_text",
            "line 3: bad",
            id="errors",
        ),
        pytest.param({"errors": [{"code": "x"}]}, "error_text", "x", id="bare-array"),
    ],
)
def test_read_batch(change, attribute, value):
    """
    The specification, and each deviation that was seen in the wild.
    """
    assert getattr(read_batch({**BATCH, **change}), attribute) == value


def test_a_batch_without_an_id_is_an_error():
    """
    What has no id cannot be followed.
    """
    with pytest.raises(ServiceError):
        read_batch({"status": "completed"})


def test_find_looks_through_all_pages_and_stops():
    """
    R4: matches by file or by token, oldest first; a server that always says `has_more` does not hang us.
    """
    older = {**BATCH, "id": "batch_0", "created_at": 1_789_999_995, "input_file_id": "other"}
    stranger = {**BATCH, "id": "batch_x", "input_file_id": "x", "metadata": {}}
    asked = []

    def handler(request):
        asked.append(request.url.params.get("after"))
        page = [stranger, BATCH] if len(asked) == 1 else [older]
        return httpx2.Response(200, json={"object": "list", "data": page, "has_more": True})

    with HttpClient("http://127.0.0.1:9/v1", transport=httpx2.MockTransport(handler)) as http:
        client = OpenAIBatchClient(http)
        since = datetime.fromtimestamp(1_789_999_000, UTC)
        found = client.find("file-1", "t1", since=since).batches
    assert [view.batch_id for view in found] == ["batch_0", "batch_1"]
    assert asked[:2] == [None, "batch_1"]
    assert len(asked) == 3
