# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `service` is a running one with default settings; `serve(**options)` makes and
starts as many as a test needs. Each is stopped, checked and removed afterwards."""
import pytest

import certs
from service import DOMAIN, Service


# Files that take longest, most of it waiting: with several workers they begin first, so that
# none is left alone with one of them at the end.
LONG = ("test_tlsrpt", "test_dial", "test_pacing", "test_failover", "test_certificates", "test_network",
        "test_tls", "test_bulk", "test_deliverby")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    made = certs.Authority(tmp_path_factory.mktemp("ca"))
    made.main = made.make("main", f"mx.{DOMAIN}")
    made.other = made.make("other", "other.example", "*.wild.example")
    return made


@pytest.fixture
def serve(request):
    made = []

    def start(**options):
        service = Service(**options)
        made.append(service)
        return service.start()

    start.stopped = lambda **options: made.append(Service(**options)) or made[-1]
    yield start
    problems = []
    for service in made:
        try:
            if service.process and service.process.poll() is None:
                service.stop()
            service.check()
        except AssertionError as problem:
            problems.append(problem)
        finally:
            service.kill_all()
    for service in made:
        if problems or getattr(request.node, "failed", False):
            print(f"left behind: {service.folder}")
        else:
            service.remove()
    if problems:
        raise problems[0]


@pytest.fixture
def service(serve):
    return serve()


@pytest.fixture
def tls_service(serve, authority):
    """A service with `tls WORDS` on its listener, and more."""
    def make(words="offer", *pairs, more="", **options):
        listener = f"tls {words}; {authority.words(*(pairs or [authority.main]))}; {more}"
        return serve.stopped(listener=listener, **options).start()
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True
