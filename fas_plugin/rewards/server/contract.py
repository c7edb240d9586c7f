"""What requests and answers look like: the JSON Schemas in ``schemas/``, and the OpenAPI page of them.

Requests are checked by jsonschema-rs, which compiles a schema: the plain validator costs about 40
microseconds a completion, more than the rewards.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import msgspec

from fas_plugin import __version__
from fas_plugin.labels import INSTRUMENTS, Label, LabelError
from fas_plugin.rewards.server import read_schema
from fas_plugin.rewards.server.options import Options

NAMES = (
    "get_reward.request",
    "get_reward.response",
    "score.request",
    "score.response",
    "version.response",
    "status.response",
    "error.response",
)
_REQUESTS = tuple(name for name in NAMES if name.endswith(".request"))

#: The label strings that there are.
_LABELS = rf"^\s*(real|spoof(:({'|'.join(map(re.escape, INSTRUMENTS))}))?)\s*$"


class Refusal(Exception):
    """A request that is answered with ``status`` and one line about ``field``."""

    def __init__(
        self, status: int, field: str, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self.status, self.field, self.headers = status, field, headers
        self.line = f"{field}: {reason}"


class Contract:
    """The schemas with the limits of a server in them, compiled."""

    def __init__(self, options: Options) -> None:
        self.schemas = {name: read_schema(name) for name in NAMES}
        for name in _REQUESTS:
            for field, schema in self.schemas[name]["properties"].items():
                schema["maxItems"] = options.max_batch
                if field == "labels":
                    schema["items"]["pattern"] = _LABELS
                else:
                    schema["items"]["maxLength"] = options.max_text
        #: Fields with a value for each completion.
        self._lists = {name: tuple(self.schemas[name]["properties"]) for name in _REQUESTS}
        # The mask keeps values, which may be megabytes of completion, out of messages.
        self._validators = {
            name: jsonschema_rs.validator_for(self.schemas[name], mask="it") for name in _REQUESTS
        }

    def read(self, name: str, body: bytes) -> dict[str, Any]:
        """The request in ``body``, if it is one of the kind called ``name``.

        Raises:
            Refusal: it is not; with the first thing that is wrong.
        """
        try:
            request = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            request = _decoded(body)
        try:
            self._validators[name].validate(request)
        except jsonschema_rs.ValidationError as error:
            raise Refusal(422, *_fault(error)) from None
        except UnicodeEncodeError:
            raise Refusal(422, "body", "a name in it is no valid Unicode") from None
        lists = self._lists[name]
        if len({len(request[field]) for field in lists}) > 1:
            sizes = {field: len(request[field]) for field in lists}
            field = next(f for f in sizes if sizes[f] != max(sizes.values()))
            raise Refusal(422, field, f"unequal lengths {sizes}; expected one of each a completion")
        return request


def _decoded(body: bytes) -> Any:
    """What the strict decoder refuses, read by Python's: half a surrogate pair, for instance."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "body", "not JSON in UTF-8") from None


def _fault(error: jsonschema_rs.ValidationError) -> tuple[str, str]:
    """Field and what was expected there, without the value."""
    path, kind = [str(step) for step in error.instance_path], error.kind
    if kind.name == "required":
        return "/".join([*path, kind.property]), "missing; expected a list"  # type: ignore[attr-defined]
    field = "/".join(path) or "body"
    if kind.name == "type":
        return field, f"expected {' or '.join(kind.types)}, got {_json_type(error.instance)}"  # type: ignore[attr-defined]
    if kind.name == "pattern":
        return field, _label_fault(str(error.instance))
    if kind.name == "maxItems":
        return field, f"more than {kind.limit} completions; send smaller batches"  # type: ignore[attr-defined]
    if kind.name == "maxLength":
        return field, f"longer than {kind.limit} characters"  # type: ignore[attr-defined]
    if kind.name == "additionalProperties":
        name = str(kind.unexpected[0])[:80]  # type: ignore[attr-defined]
        return name.encode("utf-8", "replace").decode(), "unknown field"
    return field, f"does not fit {kind.name}"


def _label_fault(label: str) -> str:
    try:
        Label.parse(label)
    except LabelError as error:
        return str(error)[:1000]
    return "expected a label without control characters"


def _json_type(value: Any) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")


def openapi(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The API in OpenAPI 3.1."""

    def answer(name: str, text: str) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{name}"}
        return {"description": text, "content": {"application/json": {"schema": schema}}}

    errors = {
        "400": answer("error.response", "not JSON"),
        "401": answer("error.response", "the token is missing or wrong"),
        "408": answer("error.response", "the request took too long to arrive"),
        "413": answer("error.response", "the body is too large"),
        "422": answer("error.response", "a field is not as expected"),
        "503": answer("error.response", "overloaded; come back after Retry-After seconds"),
    }

    def post(name: str, text: str) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{name}.request"}
        return {
            "post": {
                "summary": text,
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": schema,
                            "example": schemas[f"{name}.request"]["examples"][0],
                        }
                    },
                },
                "responses": {"200": answer(f"{name}.response", "scored"), **errors},
            }
        }

    def get(name: str | None, text: str, *codes: str, media: str = "application/json") -> dict:
        found = (
            {"description": text, "content": {media: {}}} if name is None else answer(name, text)
        )
        return {
            "get": {
                "summary": text,
                "responses": {"200": found, **{code: errors[code] for code in codes}},
            }
        }

    return {
        "openapi": "3.1.0",
        "info": {"title": "fas_plugin reward server", "version": __version__},
        "paths": {
            "/get_reward": post("get_reward", "Rewards, in OpenRLHF's shape"),
            "/v1/score": post("score", "Rewards with stance and evidence, for any framework"),
            "/healthz": get("status.response", "Whether the process lives"),
            "/readyz": get("status.response", "Whether it takes requests", "503"),
            "/version": get("version.response", "Versions and preset", "401"),
            "/metrics": get(None, "Numbers for Prometheus", "401", media="text/plain"),
            "/schema": get(None, "The JSON Schemas of requests and answers", "401"),
            "/openapi.json": get(None, "This page", "401"),
        },
        "components": {
            "schemas": {name: _local(schema, name) for name, schema in schemas.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _local(schema: Any, name: str) -> Any:
    """``schema`` with its references pointing to where it lies in the OpenAPI page."""
    if isinstance(schema, dict):
        return {
            key: value.replace("#/", f"#/components/schemas/{name}/")
            if key == "$ref"
            else _local(value, name)
            for key, value in schema.items()
            if key != "$schema"
        }
    return [_local(item, name) for item in schema] if isinstance(schema, list) else schema
