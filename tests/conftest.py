"""Fixtures: `store` is one running store with the demo catalogue, shared by a whole run;
`start_store` starts others."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from support import Store  # noqa: E402


@pytest.fixture(scope="session")
def store():
    running = Store()
    yield running
    running.remove()


@pytest.fixture
def start_store():
    started = []

    def start(**keywords):
        store = Store(**keywords)
        started.append(store)
        return store

    yield start
    for one in started:
        one.remove()
