"""Logs tell what went wrong, whoever logs it, and never the values that were at hand."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import logs


@pytest.fixture
def configured(setting) -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    yield
    root.handlers, level = before
    root.setLevel(level)
    root.removeFilter(logs.is_named_or_grave)
    structlog.reset_defaults()


def fail() -> None:
    password = "hunter2"  # noqa: F841 - what must not be shown
    raise RuntimeError("the broker is gone")


@pytest.mark.parametrize("log_json", [False, True])
@pytest.mark.parametrize("logger_of", [logging.getLogger, structlog.get_logger])
def test_an_exception_is_logged_without_its_local_variables(
    configured, setting, capsys, log_json, logger_of
):
    setting(log_json=log_json)
    logs.configure()
    try:
        fail()
    except RuntimeError:
        logger_of("celery.worker").warning("connection lost", exc_info=True)
    said = capsys.readouterr().err
    assert "RuntimeError: the broker is gone" in said
    assert "hunter2" not in said.replace('password = "hunter2"', "")
    assert "│" not in said


def test_what_a_library_logs_on_the_root_is_left_out_unless_it_is_grave(
    configured, setting, capsys
):
    logs.configure()
    logging.warning("Ignore MatMul due to non constant B")
    logging.error("the graph is damaged")
    logging.getLogger("onnxruntime").warning("a slow kernel")
    said = capsys.readouterr().err
    assert "MatMul" not in said
    assert "the graph is damaged" in said
    assert "a slow kernel" in said
