"""api/openapi.yaml as a judge: what a store answers is held to what the document promises.

`check` takes an answer of `requests` and raises BrokenPromise, which says what was asked, what came
back and what the document has. It is stricter than the document's letter in three ways: a field
that is not described is refused, a described header has to be there, and no answer may be 500.
"""

import datetime
import json
import pathlib
import re
import urllib.parse

import jsonschema
import yaml

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "api" / "openapi.yaml"
METHODS = ("get", "put", "post", "patch", "delete")
# What any path can answer (the document's introduction says so), with the code that goes with it.
ANYWHERE = {
    400: ["bad_request", "malformed_parameter"],
    404: ["not_found"],
    405: ["method_not_allowed"],
    408: ["timeout"],
    414: ["too_large"],
    431: ["too_large"],
}
# Described headers that are sent only when there is something to say.
OCCASIONAL = {"set-cookie", "idempotency-replayed"}


class BrokenPromise(AssertionError):
    pass


class UniqueKeyLoader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a contract must not."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            assert key.value not in seen, f"{key.value!r} twice, {key.start_mark}"
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# Dates in examples stay strings, as they are in JSON.
UniqueKeyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

SPEC = yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)


# ---------------------------------------------------------------- the document


def resolve(pointer):
    node = SPEC
    assert pointer.startswith("#/"), f"{pointer} leaves the document"
    for part in pointer[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def deref(node):
    while "$ref" in node:
        node = resolve(node["$ref"])
    return node


class Operation:
    """One method of one path template."""

    def __init__(self, template, method, item):
        self.template, self.method, self.node = template, method, item[method]
        self.id, self.auth = self.node["operationId"], self.node["x-auth"]
        self.pattern = re.compile(re.sub(r"{\w+}", "[^/]+", template))
        self.parameters = [deref(p) for p in item.get("parameters", []) + self.node.get("parameters", [])]
        self.responses = {int(status): deref(r) for status, r in self.node["responses"].items()}
        self.body = deref(self.node["requestBody"]) if "requestBody" in self.node else None

    def path(self, **values):
        return re.sub(r"{(\w+)}", lambda found: urllib.parse.quote(values[found.group(1)], safe=""), self.template)

    def success(self):
        return min(status for status in self.responses if status < 300)


OPERATIONS = [
    Operation(template, method, item)
    for template, item in SPEC["paths"].items()
    for method in METHODS
    if method in item
]
BY_ID = {operation.id: operation for operation in OPERATIONS}


def operations_at(path):
    """The operations of a path, by method; a template without variables beats one with them."""
    matching = [operation for operation in OPERATIONS if operation.pattern.fullmatch(path)]
    if not matching:
        return {}
    best = min((operation.template for operation in matching), key=lambda template: template.count("{"))
    return {operation.method: operation for operation in matching if operation.template == best}


# ---------------------------------------------------------------- schemas


def _merged(parts):
    """`allOf` of objects as one object, so that it can be closed to fields nobody described."""
    merged = {"type": "object", "required": [], "properties": {}}
    for part in parts:
        merged["required"] += part.get("required", [])
        merged["properties"].update(part.get("properties", {}))
        merged.update({key: value for key, value in part.items() if key not in ("required", "properties")})
    if not merged["required"]:
        del merged["required"]
    return merged


def json_schema(node, closed=False):
    """An OpenAPI 3.0 schema as JSON Schema (draft 4), references put in place. `closed` refuses
    fields that are not described."""
    node = deref(node)
    plain = {}
    for key, value in node.items():
        if key in ("nullable", "example", "description", "default"):
            continue
        if key == "properties":
            plain[key] = {name: json_schema(child, closed) for name, child in value.items()}
        elif key == "items":
            plain[key] = json_schema(value, closed)
        elif key == "allOf":
            plain.update(_all_of(value, closed))
        elif key in ("anyOf", "oneOf"):
            plain[key] = [json_schema(child, closed) for child in value]
        else:
            plain[key] = value
    if closed and "properties" in plain:
        plain["additionalProperties"] = False
    return {"anyOf": [{"type": "null"}, plain]} if node.get("nullable") else plain


def _all_of(parts, closed):
    schemas = [json_schema(part) for part in parts]
    if len(schemas) == 1:
        return json_schema(parts[0], closed)
    assert all("properties" in schema for schema in schemas), "allOf joins objects alone"
    # What is inside them closes by itself.
    inner = [json_schema(part, closed) for part in parts]
    merged = _merged(inner)
    merged.pop("additionalProperties", None)
    return merged


FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value):
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
        raise ValueError("a time is RFC 3339 in UTC")
    if isinstance(value, str):
        datetime.datetime.fromisoformat(value[:19])
    return True


@FORMATS.checks("date", raises=ValueError)
def _is_date(value):
    if isinstance(value, str):
        datetime.date.fromisoformat(value)
    return True


@FORMATS.checks("email")
def _is_email(value):
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


_validators = {}


def validator(schema, closed=False):
    """Made once per schema of the document."""
    key = (id(schema), closed)
    if key not in _validators:
        made = json_schema(schema, closed)
        jsonschema.Draft4Validator.check_schema(made)
        _validators[key] = jsonschema.Draft4Validator(made, format_checker=FORMATS)
    return _validators[key]


def complaint(schema, value, closed=False):
    """The first thing wrong with a value, or None."""
    error = jsonschema.exceptions.best_match(validator(schema, closed).iter_errors(value))
    if error is None:
        return None
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{place.lstrip('.') or 'the whole'}: {error.message[:300]}"


# ---------------------------------------------------------------- answers


def check(answer):
    """Raises BrokenPromise unless the answer is one that the document has."""
    request = answer.request
    path = urllib.parse.unquote(urllib.parse.urlsplit(request.url).path)
    method = request.method.lower()
    if answer.status_code == 500:
        _broken(answer, "a store must never have to say 500")
    operations = operations_at(path)
    if operations:
        _check_operation(answer, operations, "get" if method == "head" else method)
    elif path.startswith("/api/"):
        _check_problem(answer, {404: ["not_found"], 400: ANYWHERE[400], 401: ["unauthenticated"],
                                403: ["forbidden", "cross_origin"], 413: ["too_large"], 429: ["rate_limited"]})


def _broken(answer, what):
    request = answer.request
    raise BrokenPromise(
        f"{request.method} {request.url} answered {answer.status_code}: {what}\n"
        f"  sent: {str(request.body)[:300]}\n  got:  {answer.text[:600]}"
    )


def _check_operation(answer, operations, method):
    status = answer.status_code
    if method not in operations:
        _check_problem(answer, {405: ["method_not_allowed"], 403: ["cross_origin"], 401: ["unauthenticated"],
                                429: ["rate_limited"], 413: ["too_large"], 400: ANYWHERE[400]})
        allowed = {name.strip().lower() for name in answer.headers.get("Allow", "").split(",")}
        if status == 405 and not (set(operations) <= allowed and method not in allowed):
            _broken(answer, f"Allow is {answer.headers.get('Allow')!r}, the document has {sorted(operations)}")
        return
    operation = operations[method]
    response = operation.responses.get(status)
    if response is None:
        if status not in ANYWHERE or status == 405:
            _broken(answer, f"{operation.id} has {sorted(operation.responses)}")
        _check_problem(answer, {status: ANYWHERE[status]})
        return
    _check_headers(answer, response)
    _check_content(answer, operation, response)
    if status < 300:
        _check_request(answer, operation)


def _check_headers(answer, response):
    for name, header in response.get("headers", {}).items():
        value = answer.headers.get(name)
        if value is None:
            if name.lower() in OCCASIONAL:
                continue
            _broken(answer, f"the header {name} is missing; it has {dict(answer.headers)}")
        schema = deref(header)["schema"]
        given = value
        if schema["type"] == "integer" and re.fullmatch(r"-?\d+", value):
            given = int(value)
        elif schema["type"] == "boolean" and value in ("true", "false"):
            given = value == "true"
        wrong = complaint(schema, given)
        if wrong:
            _broken(answer, f"the header {name}: {wrong}")


def _check_content(answer, operation, response):
    content = response.get("content", {})
    if answer.request.method == "HEAD":
        return
    if not content:
        if answer.content:
            _broken(answer, "no body is described")
        return
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind not in content:
        _broken(answer, f"the content is {kind!r}, the document has {sorted(content)}")
    if kind == "text/event-stream":
        return  # reading it would wait for its end
    if kind == "application/problem+json":
        _check_problem(answer, {answer.status_code: response["x-codes"]})
    elif kind == "application/json":
        wrong = complaint(content[kind]["schema"], _json(answer), closed=True)
        if wrong:
            _broken(answer, f"{operation.id}: {wrong}")


def _json(answer):
    def no_twins(pairs):
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            raise ValueError("a doubled key")
        return dict(pairs)

    try:
        return json.loads(answer.content, object_pairs_hook=no_twins, parse_constant=_no_constant)
    except ValueError as error:
        _broken(answer, f"the body is no JSON: {error}")


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


PROBLEM = SPEC["components"]["schemas"]["Problem"]


def _check_problem(answer, codes):
    status = answer.status_code
    if status not in codes:
        _broken(answer, f"expected one of {sorted(codes)}")
    if answer.request.method == "HEAD":
        return
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        _broken(answer, f"a refusal is a problem, not {answer.headers.get('Content-Type')!r}")
    problem = _json(answer)
    wrong = complaint(PROBLEM, problem, closed=True)
    if wrong:
        _broken(answer, f"the problem: {wrong}")
    if problem["status"] != status:
        _broken(answer, f"the problem says {problem['status']}")
    if problem["code"] not in codes[status]:
        _broken(answer, f"the code is {problem['code']!r}, the document has {codes[status]}")
    if problem["type"] != "/problems/" + problem["code"]:
        _broken(answer, f"the type is {problem['type']!r}")


def _check_request(answer, operation):
    """What was taken must be what the document lets a client send."""
    request = answer.request
    if operation.body is None or not request.body:
        return
    kind = request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    content = operation.body["content"]
    if kind not in content:
        _broken(answer, f"a body of type {kind!r} was taken, the document has {sorted(content)}")
    if kind == "application/json":
        wrong = complaint(content[kind]["schema"], json.loads(request.body))
        if wrong:
            _broken(answer, f"what was sent breaks the document and was taken: {wrong}")
