"""The contract itself, before any server: api/openapi.yaml is sound, complete and true to its own examples."""

import re

import pytest

from api_contract import DOCUMENT, METHODS, SPEC, complaint, deref, resolve

UNSAFE = ("put", "post", "patch", "delete")
SIGNED_IN = [{"sessionCookie": []}, {"bearer": []}]
SECURITY = {
    "none": [],
    "guest": [*SIGNED_IN, {"guestCookie": []}],
    "session": SIGNED_IN,
    "admin": SIGNED_IN,
}


def walk(node, path="#"):
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, f"{path}/{key}")


OPERATIONS = [
    pytest.param(path, method, item[method], id=f"{method.upper()} {path}")
    for path, item in SPEC["paths"].items()
    for method in METHODS
    if method in item
]
each_operation = pytest.mark.parametrize("path, method, operation", OPERATIONS)


def parameters(path, operation):
    return [deref(p) for p in SPEC["paths"][path].get("parameters", []) + operation.get("parameters", [])]


def problem_codes(response):
    return response.get("x-codes", [])


def check(schema, example):
    wrong = complaint(schema, example)
    assert wrong is None, wrong


def test_version_that_amazon_api_gateway_imports():
    assert SPEC["openapi"] == "3.0.3"
    assert SPEC["servers"] == [{"url": "/"}]
    # It takes letters and digits alone in model names, and one name per variable at the same place of a path.
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in SPEC["components"]["schemas"])
    variables = {}
    for path in SPEC["paths"]:
        parts = path.split("/")
        for depth, part in enumerate(parts):
            if part.startswith("{"):
                place = "/".join(parts[:depth])
                assert variables.setdefault(place, part) == part, f"{place} has {variables[place]} and {part}"


def test_references_resolve():
    for path, node in walk(SPEC):
        if isinstance(node, dict) and "$ref" in node:
            assert list(node) == ["$ref"], f"{path}: 3.0 ignores what stands beside a $ref"
            resolve(node["$ref"])


def test_components_are_used():
    used = {node["$ref"] for _, node in walk(SPEC) if isinstance(node, dict) and "$ref" in node}
    for kind, entries in SPEC["components"].items():
        if kind == "securitySchemes":
            continue  # named by operations, not referred to
        unused = [name for name in entries if f"#/components/{kind}/{name}" not in used]
        # OrderEvent is what the stream's data lines hold, which OpenAPI has no way to say.
        assert unused in ([], ["OrderEvent"]), f"{kind}: {unused}"


def test_operation_ids_are_unique():
    ids = [param.values[2]["operationId"] for param in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_tags_are_declared():
    declared = {tag["name"] for tag in SPEC["tags"]}
    assert {tag for param in OPERATIONS for tag in param.values[2]["tags"]} == declared


@each_operation
def test_path_variables_are_described(path, method, operation):
    described = {p["name"] for p in parameters(path, operation) if p["in"] == "path"}
    assert described == set(re.findall(r"{(\w+)}", path))


@each_operation
def test_operation_says_who_may(path, method, operation):
    # An empty requirement means "or nobody": a cart begins without an identity.
    named = [requirement for requirement in operation.get("security", []) if requirement]
    assert named == SECURITY[operation["x-auth"]]
    assert (operation["x-auth"] == "admin") == path.startswith("/api/v1/admin/")
    assert operation["summary"] and operation["tags"]
    if operation["x-auth"] != "none":
        assert "401" in operation["responses"]


@each_operation
def test_operation_answers_and_refuses(path, method, operation):
    responses = operation["responses"]
    assert any(status.startswith("2") for status in responses)
    problems = {status: deref(r) for status, r in responses.items() if status >= "400"}
    assert problems, "no refusal is described"
    for status, response in problems.items():
        if path == "/readyz" and status == "503":
            continue
        assert "application/problem+json" in response["content"]
        assert problem_codes(response), f"{status} names no code"
        if status in ("429", "503"):
            assert "Retry-After" in response["headers"]
    if path.startswith("/api/v1/"):
        assert {"429", "503"} <= set(problems)
        if method in UNSAFE:
            assert "403" in problems, "another site's page must be refused"
        if "{" in path:
            assert "404" in problems
        if any(p["in"] == "query" or p["in"] == "header" for p in parameters(path, operation)):
            assert "400" in problems
    if "requestBody" in operation:
        assert {"400", "413", "415"} <= set(problems)
        body = deref(operation["requestBody"])
        if body.get("required"):
            assert "422" in problems


def test_problem_codes_are_known():
    known = set(SPEC["components"]["schemas"]["ProblemCode"]["enum"])
    named = {code for _, node in walk(SPEC) if isinstance(node, dict) for code in problem_codes(node)}
    # These are answered to any path alike and stand in the introduction.
    everywhere = {"method_not_allowed", "timeout", "internal"}
    assert named | everywhere == known
    assert all(code in SPEC["info"]["description"] for code in everywhere)


def test_the_server_has_no_other_codes():
    """Codes as the sources write them, in calls that make a problem."""
    known = set(SPEC["components"]["schemas"]["ProblemCode"]["enum"])
    sources = DOCUMENT.parent.parent / "src"
    for file in [*sources.glob("gateway/*.c"), *sources.glob("http/*.c"), *sources.glob("services/*/*.c")]:
        text = file.read_text(encoding="utf-8")
        codes = re.findall(r'(?:http_problem|refuse)\([^;"]*?,\s*\d{3},\s*"([a-z_]+)"', text)
        assert set(codes) <= known, f"{file.name}: {set(codes) - known}"


def test_lists_page_by_cursor():
    for param in OPERATIONS:
        path, _, operation = param.values
        names = {p["name"] for p in parameters(path, operation)}
        if "cursor" in names:
            schema = deref(operation["responses"]["200"]["content"]["application/json"]["schema"])
            assert "limit" in names
            assert {"items", "next_cursor"} <= set(schema["required"]), path


def test_schemas_are_consistent():
    for name, schema in SPEC["components"]["schemas"].items():
        check(schema, schema["example"]) if "example" in schema else None
        for path, node in walk(schema, name):
            if isinstance(node, dict) and node.get("type") == "object" and "properties" in node:
                missing = set(node.get("required", [])) - set(node["properties"])
                # Wine asks for fields which its other half, WineText, describes.
                described = set(SPEC["components"]["schemas"]["WineText"]["properties"])
                assert not missing or missing <= described, f"{path} requires {missing}"
            if isinstance(node, dict) and node.get("nullable") is True and "enum" in node:
                assert None in node["enum"], f"{path}: a nullable enumeration lists null"


def test_examples_fit_their_schemas():
    checked = 0
    for _, node in walk(SPEC["paths"]):
        if isinstance(node, dict) and "schema" in node and "example" in node:
            check(node["schema"], node["example"])
            checked += 1
    for kind in ("parameters", "headers"):
        for entry in SPEC["components"][kind].values():
            if "example" in entry:
                check(entry["schema"], entry["example"])
                checked += 1
    assert checked > 20
