from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings

import pytest

import ngym_core as ngym
from ngym_core.plugins.isolation import encodable, isolated, reason, stdout_to_stderr, warn


class Silent(BaseException):
    """An error that cannot be shown."""

    def __str__(self):
        raise ValueError


def test_encodable_replaces_only_what_cannot_be_encoded():
    assert encodable("naïve ☃") == "naïve ☃"
    assert encodable("a\ud800b") == "a\\ud800b"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError("\udc80"), "ValueError: \\udc80"),
        (Silent(), "Silent: (its message cannot be shown)"),
        (ValueError("x" * 10**6), "ValueError: " + "x" * 988 + " ..."),
    ],
)
def test_reason_shows_any_error_in_one_line(error, text):
    assert reason(error) == text


def test_warn_becomes_a_log_message_where_warnings_are_errors(caplog):
    with pytest.warns(ngym.PluginWarning, match="a bad pack"):
        warn("a bad pack")
    assert caplog.records == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn("a bad %s pack")
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.WARNING, "a bad %s pack")]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, Silent])
@pytest.mark.parametrize("in_thread", [False, True])
def test_isolated_hands_on_whatever_is_raised(error, in_thread):
    errors = []

    def fail():
        with isolated("ngym was testing", errors.append):
            raise error

    if in_thread:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    else:
        fail()
    assert [type(e) for e in errors] == [error]


def test_isolated_lets_the_user_interrupt_and_says_what_was_done():
    errors, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt) as interrupt, isolated("ngym was testing", errors.append):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupt.value.__notes__ == ["ngym was testing."]
    assert errors == []


def test_isolated_keeps_a_handler_of_interrupts_that_the_code_sets():
    before = signal.getsignal(signal.SIGINT)
    try:
        with isolated("ngym was testing", print):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_stdout_to_stderr_moves_all_output_of_the_process(capfd):
    print("before")
    with stdout_to_stderr():
        print("by print")
        os.write(1, b"by descriptor\n")
        subprocess.run([sys.executable, "-c", "print('by child')"], check=True)
        sys.__stdout__.write("by original\n")
    print("after")
    out, err = capfd.readouterr()
    assert out.split() == ["before", "after"]
    assert set(err.splitlines()) >= {"by print", "by descriptor", "by child", "by original"}


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_stdout_to_stderr_works_without_stdout_or_stderr(closed, tmp_path):
    code = f"""
import os
from ngym_core.plugins.isolation import stdout_to_stderr
for number in {closed}:
    os.close(number)
with stdout_to_stderr():
    pass
open({str(tmp_path / "done")!r}, "w").close()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (tmp_path / "done").exists()
