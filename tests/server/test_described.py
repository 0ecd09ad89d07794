"""Every object that the server gives, against OpenAI's published description and against our own."""

import json
import re
import threading
from pathlib import Path

import jsonschema
import openai
from starlette.routing import Route

from rowbatch.server import openapi, webhooks
from rowbatch.server.app import create_app
from rowbatch.server.engine import EngineReply
from rowbatch.server.storage import Storage
from serving import KEY, Clock, ScriptedEngine, ask, batch_lines, running_server

PUBLISHED = json.loads(Path(__file__).with_name("openai_schemas.json").read_text())
OURS = openapi.document()
NAMES = {
    "File": "OpenAIFile",
    "FileList": "ListFilesResponse",
    "DeletedFile": "DeleteFileResponse",
    "Upload": "Upload",
    "UploadPart": "UploadPart",
    "Batch": "Batch",
    "BatchList": "ListBatchesResponse",
    "Model": "Model",
    "ModelList": "ListModelsResponse",
    "Refusal": "ErrorResponse",
}
"""Ours, and what they are in OpenAI's description."""


def validate(document, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def without_nulls(value):
    """
    As the published description has an object: its types know no null, and its examples have one wherever
    there is nothing.
    """
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def hold(name, value):
    validate(OURS, name, value)
    if name == "Refusal":
        # This one knows null.
        validate(PUBLISHED, NAMES[name], value)
        return
    told = without_nulls(value)
    for empty in ("first_id", "last_id"):
        # Of a list without entries; the description has no word for it.
        if empty in value and value[empty] is None:
            told[empty] = ""
    validate(PUBLISHED, NAMES[name], told)


def test_every_object_is_as_it_is_published(tmp_path):
    """
    Files, uploads, parts, batches in every status that lasts, lists with and without entries, models, errors.
    """
    engine = ScriptedEngine(
        lambda body: EngineReply(400, {"error": {"message": "no"}}) if "bad" in str(body) else "fine"
    )
    clock, seen = Clock(), set()
    with (
        running_server(tmp_path, engine, clock=clock) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=KEY, max_retries=0) as client,
    ):

        def told(name, method, path, body=None):
            status, _, found = ask(endpoint, method, path, body)
            assert (status == 200) == (name != "Refusal"), found
            hold(name, found)
            if name == "Batch":
                seen.add(found["status"])
            return found

        def until(batch_id, *statuses):
            pause = threading.Event()
            while client.batches.retrieve(batch_id).status not in statuses:
                pause.wait(0.01)
            return told("Batch", "GET", f"/v1/batches/{batch_id}")

        for path, name in (("/v1/files", "FileList"), ("/v1/batches", "BatchList")):
            told(name, "GET", path)
        lines = batch_lines(4)
        file = client.files.create(file=lines.replace(b'"x"', b'"bad"', 1), purpose="batch").id
        told("File", "GET", f"/v1/files/{file}")
        about = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        new = {"input_file_id": file, **about, "metadata": {"a": "b"}}
        engine.gate.clear()
        first = told("Batch", "POST", "/v1/batches", new)
        until(first["id"], "in_progress")
        second = told("Batch", "POST", "/v1/batches", new)
        until(second["id"], "in_progress")
        told("Batch", "POST", f"/v1/batches/{second['id']}/cancel")
        engine.gate.set()
        done = until(first["id"], "completed")
        assert done["usage"]["total_tokens"] == 27
        until(second["id"], "cancelled")
        told("Refusal", "POST", f"/v1/batches/{first['id']}/cancel")
        failed = told("Batch", "POST", "/v1/batches", {**new, "input_file_id": "file-none"})
        assert until(failed["id"], "failed")["errors"]["data"]
        engine.gate.clear()
        late = told("Batch", "POST", "/v1/batches", new)
        until(late["id"], "in_progress")
        clock.now += 24 * 3600
        engine.gate.set()
        until(late["id"], "expired", "completed")
        told("File", "GET", f"/v1/files/{done['output_file_id']}")
        for path, name in (
            ("/v1/files", "FileList"),
            ("/v1/batches?limit=2", "BatchList"),
            ("/v1/models", "ModelList"),
            ("/v1/models/scripted", "Model"),
        ):
            told(name, "GET", path)
        upload = {"filename": "a", "purpose": "batch", "bytes": len(lines), "mime_type": "a/b"}
        made = told("Upload", "POST", "/v1/uploads", upload)
        part = client.uploads.parts.create(made["id"], data=lines)
        hold("UploadPart", part.to_dict())
        whole = told("Upload", "POST", f"/v1/uploads/{made['id']}/complete", {"part_ids": [part.id]})
        hold("File", whole["file"])
        told("Upload", "POST", f"/v1/uploads/{told('Upload', 'POST', '/v1/uploads', upload)['id']}/cancel")
        told("DeletedFile", "DELETE", f"/v1/files/{file}")
        for method, path, body in (
            ("GET", f"/v1/files/{file}", None),
            ("GET", "/v1/batches/batch_none", None),
            ("GET", "/v1/batches?limit=0", None),
            ("GET", "/v1/models/none", None),
            ("POST", "/v1/batches", {}),
            ("POST", "/v1/uploads", {}),
            ("PUT", "/v1/files", None),
            ("GET", "/nowhere", None),
        ):
            told("Refusal", method, path, body)
        assert ask(endpoint, "GET", "/openapi.json")[2] == OURS
    assert seen >= {"validating", "in_progress", "cancelling", "cancelled", "completed", "failed"}


def test_what_webhooks_say_is_as_it_is_published(tmp_path):
    """
    Of each end of a batch.
    """
    storage = Storage(tmp_path, hooks=["https://a.example"])
    for name in ("completed", "failed", "expired", "cancelled"):
        document = {"id": f"batch_{name}", "status": "in_progress", "input_file_id": "file-none"}
        storage.create_batch(document, idempotency_key=None, request_digest="")
        storage.update_batch(f"batch_{name}", status=name)
    bodies = [json.loads(row["body"]) for row in storage.execute("SELECT body FROM event")]
    assert len(bodies) == 4
    for body in bodies:
        validate(PUBLISHED, f"WebhookBatch{body['type'].rpartition('.')[2].capitalize()}", body)
    storage.close()
    assert webhooks.signature("secret", "a", 1, b"{}").startswith("v1,")


def test_the_description_names_every_call(tmp_path):
    """
    Each address and method that is answered is in our document, no other is, and the document is sound.
    """
    app = create_app(tmp_path, ScriptedEngine(), key=KEY)
    served = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    app.state.server.storage.close()
    described = {(path, method) for path, calls in OURS["paths"].items() for method in calls}
    assert described == served
    names = [call["operationId"] for calls in OURS["paths"].values() for call in calls.values()]
    assert len(set(names)) == len(names)
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(OURS)):
        assert name in OURS["components"]["schemas"]
    for schema in OURS["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
