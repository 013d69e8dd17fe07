"""Packs from outside, built and installed as users install them, and packs made in a test."""

from __future__ import annotations

import json
import os
import re
import signal

import click
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.plugins import manager as manager_module

from ...conftest import PACKS
from .sites import GOOD, install, run, start

BAD = {
    "broken_import": "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    "wrong_hook": "ngym_tasks",
    "taken_id": "The task id 'ReadySetGo-v0' belongs to ngym-core",
}


def test_pack_appears_in_registry_gymnasium_and_checks(python):
    code = """
import gymnasium as gym, ngym_core as ngym
from ngym_core.testing import check_task
ngym.show_all_tasks()
assert ngym.all_envs("flashing") == ["Flash-v0", "OldFlash-v0"]
assert "Left-v0" in ngym.all_wrappers()
assert gym.make("ngym_core:Flash-v0").reset(seed=0)[0].tolist() == [1, 0, 0]
assert ngym.make_vec("OldFlash-v0", 2).reset(seed=0)[0].shape == (2, 3)
for id_ in ("Flash-v0", "OldFlash-v0"):
    check_task(id_)
left = ngym.make("OldFlash-v0", wrappers=["Left"]).sample_trials(20, seed=0)
assert set(left.conditions["ground_truth"]) == {0}
assert ngym.make("OldFlash-v0").dt == 50
"""
    out, err = python(code, "good")
    assert "  Flash-v0\n" in out
    assert err == ""


def test_pack_appears_on_the_command_line(python):
    def ngym_command(*args):
        return python("\0".join(args), "good", command=("-m", "ngym_core"))[0]

    assert "OldFlash-v0" in ngym_command("list", "--tag", "flashing")
    assert "a light flashes" in ngym_command("tags")
    assert ngym_command("flash") == "a flash\n"
    pack = next(p for p in json.loads(ngym_command("plugins", "--json")) if p["name"] == "good")
    assert (pack["distribution"], pack["version"], pack["state"]) == ("ngym-good-pack", "1.2.3", "ok")
    assert pack["tasks"] == ["Flash-v0", "OldFlash-v0"]
    hooks = re.findall(r"^@hookimpl\ndef (\w+)", (PACKS / "good" / "good_pack.py").read_text(), re.MULTILINE)
    assert pack["hooks"] == sorted(hooks) != []


@pytest.mark.parametrize("pack", BAD)
def test_bad_pack_is_left_out_with_one_warning(python, pack):
    code = "import ngym_core as ngym; assert 'Flash-v0' in ngym.all_envs(); ngym.make('ReadySetGo-v0').reset()"
    _, err = python(code, "good", pack)
    distribution = f"ngym-{pack.replace('_', '-')}"
    assert err.count("PluginWarning") == 1
    assert distribution in err
    assert BAD[pack] in err
    out, _ = python("plugins\0--json", "good", pack, command=("-W", "ignore", "-m", "ngym_core"))
    states = {p["distribution"]: (p["state"], p["error"]) for p in json.loads(out)}
    assert states["ngym-good-pack"][0] == "ok"
    assert states[distribution][0] == "failed"
    assert BAD[pack] in states[distribution][1]
    out, _ = python("plugins", "good", pack, command=("-W", "ignore", "-m", "ngym_core"))
    assert BAD[pack] in out


def test_make_quotes_the_error_of_a_failed_pack(python):
    out, _ = python("import ngym_core as ngym\ntry: ngym.make('Mine-v0')\nexcept KeyError as e: print(e)", "taken_id")
    assert "The pack 'taken' of ngym-taken-id has it but failed: ValueError: The task id 'ReadySetGo-v0' belongs" in out
    out, _ = python("import ngym_core as ngym\ntry: ngym.make('X-v0')\nexcept KeyError as e: print(e)", "broken_import")
    assert "(The pack 'broken' of ngym-broken-import failed to load: ModuleNotFoundError" in out


def test_packs_with_equal_names_are_both_loaded(python):
    code = "import ngym_core as ngym; ngym.make('TwinA-v0').reset(); ngym.make('TwinB-v0').reset()"
    assert python(code, "twin_a", "twin_b")[1] == ""
    out, _ = python("plugins\0--json", "twin_a", "twin_b", command=("-m", "ngym_core"))
    assert {p["distribution"] for p in json.loads(out) if p["name"] == "twin"} == {"ngym-twin-a", "ngym-twin-b"}


@pytest.mark.parametrize(
    ("allowed", "tasks"),
    [("good", {"Flash-v0"}), ("ngym-twin-a", {"TwinA-v0"}), ("", set()), ("good, ngym-twin-b", {"Flash-v0", "TwinB-v0"})],
)
def test_ngym_plugins_variable_allows_packs_by_name(python, allowed, tasks):
    code = "import ngym_core as ngym; print(*ngym.all_envs())"
    out, _ = python(code, "good", "twin_a", "twin_b", NGYM_PLUGINS=allowed)
    assert set(out.split()) & {"Flash-v0", "TwinA-v0", "TwinB-v0"} == tasks
    out, _ = python("plugins\0--json", "good", "twin_a", command=("-m", "ngym_core"), NGYM_PLUGINS="good")
    assert {p["name"]: p["state"] for p in json.loads(out)}["twin"] == "blocked"


def test_ngym_plugins_variable_with_a_name_that_no_pack_has_warns_of_it(python):
    code = "import ngym_core as ngym; print(*ngym.all_envs())"
    out, err = python(code, "good", "twin_a", NGYM_PLUGINS="goood,ngym-twin-a")
    assert "TwinA-v0" in out
    assert "Flash-v0" not in out
    assert "NGYM_PLUGINS allows 'goood', but no installed pack or distribution is called so. Did you mean 'good'" in err
    assert err.count("NGYM_PLUGINS allows") == 1
    assert python(code, "good", NGYM_PLUGINS="good, ngym-good-pack")[1] == ""
    _, err = python(code, "good", ok=False, NGYM_PLUGINS="goood", NGYM_STRICT="1")
    assert "UnknownNameError: NGYM_PLUGINS allows 'goood'" in err


@pytest.mark.parametrize("pack", BAD)
def test_ngym_strict_variable_raises_the_error_of_a_pack(python, pack):
    _, err = python("import ngym_core", pack, ok=False, NGYM_STRICT="1")
    assert BAD[pack] in err


class Pack:
    """A plugin made in a test."""

    def __init__(self, **hooks):
        for name, function in hooks.items():
            setattr(self, name, ngym.hookimpl(function))


def spec(id_="Pack-v0"):
    return ngym.TaskSpec(id_, "a:B")


@pytest.mark.parametrize(
    ("pack", "error", "message"),
    [
        (Pack(), ValueError, "It implements no hook; mark its functions with ngym_core.hookimpl"),
        (Pack(ngym_task=lambda: [spec()]), ValueError, "There is no hook 'ngym_task'. Did you mean 'ngym_tasks'"),
        (Pack(ngym_tasks=lambda: spec()), TypeError, "ngym_tasks must return several TaskSpec, not TaskSpec"),
        (Pack(ngym_tasks=lambda: "Pack-v0"), TypeError, "ngym_tasks must return several TaskSpec, not 'Pack-v0'"),
        (Pack(ngym_tasks=lambda: ["Pack-v0"]), TypeError, "ngym_tasks must return TaskSpec objects, not 'Pack-v0'"),
        (Pack(ngym_wrappers=lambda: [spec()]), TypeError, "ngym_wrappers must return WrapperSpec objects"),
        (Pack(ngym_tasks=lambda: [spec(), spec()]), ValueError, "The task id 'Pack-v0' belongs to"),
        (Pack(ngym_tasks=lambda: [spec()], ngym_tags=lambda: {"timing": "x"}), ValueError, "The tag 'timing' means"),
        (Pack(ngym_tasks=lambda: 1 / 0), ZeroDivisionError, "division by zero"),
        (Pack(ngym_tasks=lambda: (1 / i for i in (spec(), 0))), TypeError, "unsupported operand"),
        (Pack(ngym_tasks=lambda: iter([spec(), None])), TypeError, "ngym_tasks must return TaskSpec objects, not None"),
        (Pack(ngym_tasks=lambda: 5), TypeError, "ngym_tasks must return several TaskSpec, not 5"),
        (Pack(ngym_tags=lambda: [("a", "b")]), TypeError, "ngym_tags must return a mapping, tag -> meaning, not "),
        (Pack(ngym_tasks=lambda: [spec()], ngym_tags=lambda: {3: "b"}), TypeError, "The tag 3 must be a text of one line"),
        (
            Pack(ngym_tasks=lambda: [spec()], ngym_tags=lambda: {"a": None}),
            TypeError,
            "The meaning of the tag 'a' None",
        ),
    ],
)
def test_add_registers_a_pack_completely_or_not_at_all(pack, error, message):
    status = manager_module.PackStatus("pack", "a-pack", "1")
    manager = manager_module.PackManager()
    with pytest.raises(error, match=message):
        manager.add(pack, status)
    assert "Pack-v0" not in ngym.all_envs(collections=True)
    assert not manager.plugin_manager.is_registered(pack)


def test_add_commands_leaves_out_a_failing_pack():
    manager = manager_module.PackManager()
    status = manager_module.PackStatus("pack", "a-pack", "1")
    manager.add(Pack(ngym_commands=lambda group: group.nothing()), status)
    with pytest.warns(ngym.PluginWarning, match="'pack' of a-pack 1 is left out: AttributeError"):
        manager.add_commands(click.Group())
    assert status.state == "failed"


def test_draw_figure_needs_a_pack_that_draws(tmp_path):
    with pytest.raises(ImportError, match="No installed pack draws figures: pip install ngym-plot"):
        manager_module.PackManager().draw_figure({}, None, tmp_path / "figure.png")


def test_add_takes_what_hooks_generate():
    status = manager_module.PackStatus("pack", "a-pack", "1")
    manager_module.PackManager().add(Pack(ngym_tasks=lambda: (spec(f"Pack{i}-v0") for i in range(2))), status)
    ngym.plugins.registry.unregister(status.tasks)
    assert status.tasks == ["Pack0-v0", "Pack1-v0"]


def test_add_refuses_a_module_that_is_loaded_already():
    manager, pack = manager_module.PackManager(), Pack(ngym_commands=lambda group: None)
    manager.add(pack, manager_module.PackStatus("first", "a-pack", "1"))
    with pytest.raises(ValueError, match="It is loaded already"):
        manager.add(pack, manager_module.PackStatus("second", "a-pack", "1"))
    assert manager.plugin_manager.is_registered(pack)


# ---- commands and figures -----------------------------------------------------------------------


def added(*packs):
    manager = manager_module.PackManager()
    for i, pack in enumerate(packs):
        manager.add(pack, manager_module.PackStatus(f"pack-{i}", "a-pack", "1"))
    return manager


def adds(name, command):
    return Pack(ngym_commands=lambda group: group.commands.update({name: command}))


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        (adds("list", click.Command("list")), "The command 'list' belongs to ngym-core already"),
        (adds("mine", click.Command("mine")), "The command 'mine' belongs to a-pack 1 already"),
        (adds("b", "c"), "The command 'b' must be a click.Command, not str"),
        (adds(3, click.Command("b")), "The command 3 must be a click.Command"),
        (Pack(ngym_commands=lambda group: [group.command("b")(lambda: 0), 1 / 0]), "ZeroDivisionError"),
    ],
)
def test_add_commands_replaces_no_command_and_adds_all_of_a_pack_or_none(pack, message):
    builtin, mine = click.Command("list"), click.Command("mine")
    group = click.Group("ngym", commands={"list": builtin})
    manager = added(adds("mine", mine), pack, adds("last", mine))
    with pytest.warns(ngym.PluginWarning, match=f"'pack-1' of a-pack 1 is left out: .*{message}"):
        manager.add_commands(group)
    assert group.commands == {"list": builtin, "mine": mine, "last": mine}
    assert [pack.state for pack in manager.packs] == ["ok", "failed", "ok"]


def test_add_commands_hides_the_commands_of_others_from_a_pack():
    group = click.Group("ngym", commands={"list": click.Command("list")})
    added(Pack(ngym_commands=lambda group: group.commands.clear())).add_commands(group)
    assert list(group.commands) == ["list"]


def draws(result):
    def figure(run, env, fname):
        if isinstance(result, BaseException):
            raise result
        return result

    return Pack(ngym_figure=figure)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (OSError("disk full"), OSError, "disk full"),
        (SystemExit(3), RuntimeError, "A pack could not draw: SystemExit: 3"),
        (5, TypeError, "ngym_figure of a-pack 1 must return the path of a file, not 5"),
    ],
)
def test_draw_figure_asks_the_next_pack_when_one_fails(bad, error, message, tmp_path):
    arguments = {}, None, tmp_path / "figure.png"
    with pytest.warns(ngym.PluginWarning, match="A pack could not draw: "):
        assert added(draws(arguments[2]), draws(bad)).draw_figure(*arguments) == arguments[2]
    assert added(draws(arguments[2]), draws(None)).draw_figure(*arguments) == arguments[2]
    with pytest.raises(error, match=message):
        added(draws(bad)).draw_figure(*arguments)


def draws_figures(result):
    def figures(table, env, folder):
        if isinstance(result, BaseException):
            raise result
        for name in result:
            (folder / name).write_text(f"{sorted(table)} {env}")
        return [folder / name for name in result]

    return Pack(ngym_figures=figures)


def test_draw_figures_asks_every_pack_and_names_files_after_it(tmp_path):
    manager = added(draws_figures(["a.png", "b.png"]), draws_figures([]), draws_figures(["a.png"]))
    files = manager.draw_figures({"choice": [1]}, "env", tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert sorted(path.name for path in files) == ["pack-0-a.png", "pack-0-b.png", "pack-2-a.png"]
    assert files[0].read_text() == "['choice'] env"
    assert manager.draws_figures_of_tables
    assert not added(draws(None)).draws_figures_of_tables


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (draws_figures(OSError("disk full")), "disk full"),
        (draws_figures(SystemExit(3)), "SystemExit: 3"),
        (
            Pack(ngym_figures=lambda table, env, folder: [5]),
            "ngym_figures of a-pack 1 must return the path of a file, not 5",
        ),
        (Pack(ngym_figures=lambda table, env, folder: 5), "TypeError"),
        (Pack(ngym_figures=lambda table, env, folder: [folder / "never.png"]), "FileNotFoundError"),
    ],
)
def test_draw_figures_leaves_out_those_of_a_pack_that_fails(bad, message, tmp_path):
    with pytest.warns(ngym.PluginWarning, match=f"'pack-1' of a-pack 1 could not draw its figures: .*{message}"):
        files = added(draws_figures(["a.png"]), bad).draw_figures({}, None, tmp_path)
    assert [path.name for path in files] == ["pack-0-a.png"]
    assert list(tmp_path.iterdir()) == files


FRAME = np.zeros((4, 6, 3), np.uint8)


def frames(result):
    def frame(trial, env):
        if isinstance(result, BaseException):
            raise result
        return result

    return Pack(ngym_frame=frame)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (ValueError("no colour"), ValueError, "no colour"),
        (SystemExit(3), RuntimeError, "A pack could not draw: SystemExit: 3"),
        (5, TypeError, r"ngym_frame of a-pack 1 must return uint8 of shape \(H, W, 3\), not 5"),
        (FRAME.astype(float), TypeError, r"not float64 of shape \(4, 6, 3\)"),
        (FRAME[0], TypeError, r"not uint8 of shape \(6, 3\)"),
        (FRAME[..., :2], TypeError, r"not uint8 of shape \(4, 6, 2\)"),
    ],
)
def test_draw_frame_asks_the_next_pack_when_one_fails(bad, error, message):
    with pytest.warns(ngym.PluginWarning, match="A pack could not draw: "):
        assert added(frames(FRAME), frames(bad)).draw_frame(None, None) is FRAME
    assert added(frames(FRAME), frames(None)).draw_frame(None, None) is FRAME
    with pytest.raises(error, match=message):
        added(frames(bad)).draw_frame(None, None)
    with pytest.raises(RuntimeError, match="each ngym_frame returned None"):
        added(frames(None)).draw_frame(None, None)


def test_draw_frame_needs_a_pack_that_draws():
    with pytest.raises(ImportError, match="render_mode='rgb_array' needs a pack that draws frames"):
        added(draws(None)).draw_frame(None, None)


# ---- packs as they are installed ----------------------------------------------------------------

DAMAGED = {
    "no_metadata": ({"metadata": None}, "METADATA is missing, cannot be read or has no name"),
    "no_name": ({"metadata": "Metadata-Version: 2.1\nVersion: 1.0\n"}, "METADATA is missing, cannot be read or has no name"),
    "empty": ({"metadata": b""}, "METADATA is missing, cannot be read or has no name"),
    "bytes_in_metadata": ({"metadata": b"Name: \xff\xfe\n"}, "METADATA is missing, cannot be read or has no name"),
    "bytes_in_points": ({"points": b"[ngym]\nx = \xff\n"}, "entry_points.txt is not UTF-8"),
    "utf16": ({"points": "[ngym]\nx = y\n".encode("utf-16")}, "entry_points.txt is not UTF-8"),
    "no_value": ({"points": "[ngym]\nnothing\n"}, ""),
    "no_module": ({"points": "[ngym]\nx = \n"}, "Error:"),
}


def test_damaged_distributions_cost_only_themselves(tmp_path):
    folders = {name: install(tmp_path, name, GOOD, **texts) for name, (texts, _) in DAMAGED.items()}
    install(tmp_path, "other_group", "", points=b"[console_scripts]\nx = \xff\n")
    install(tmp_path, "good_site", GOOD)
    out, err = run(tmp_path, "-c", "import ngym_core as n; n.make('GoodSite-v0').reset(); print(n.all_wrappers()[0])")
    assert out == "Anti-v0\n"
    assert err.count("PluginWarning: The ngym pack") == len(DAMAGED)
    for name, (_, message) in DAMAGED.items():
        (line,) = (line for line in err.splitlines() if f"{name}-1.0.dist-info" in line or f" {name} " in line)
        assert message in line
        if "install it again" in line:
            assert str(folders[name]) in line
    out, _ = run(tmp_path, "-W", "ignore", "-m", "ngym_core", "plugins", "--json")
    packs = {pack["distribution"]: pack for pack in json.loads(out)}
    assert packs["good_site"]["state"] == "ok"
    assert packs[str(folders["no_name"])]["state"] == "failed"
    assert run(tmp_path, "-c", "import ngym_core", NGYM_PLUGINS="")[1] == ""
    assert "install it again" in run(tmp_path, "-c", "import ngym_core", NGYM_STRICT="1", code=1)[1]


def test_first_distribution_of_a_name_on_the_path_counts(tmp_path):
    install(tmp_path / "first", "good_site", "", points=None)
    install(tmp_path / "second", "good_site", GOOD)
    code = "import ngym_core as n; print('GoodSite-v0' in n.all_envs())"
    both = os.pathsep.join(str(tmp_path / name) for name in ("first", "second"))
    assert run(both, "-c", code) == ("False\n", "")
    assert run(tmp_path / "second", "-c", code) == ("True\n", "")


RAISED = {
    "interrupt": "raise KeyboardInterrupt",
    "leaves": "import sys; sys.exit(0)",
    "generator": "raise GeneratorExit",
    "base": "raise BaseException('a base')",
    "unshown": "class Unshown(BaseException):\n    def __str__(self): raise ValueError\nraise Unshown",
    "huge": "raise ValueError('x' * 10 ** 7)",
    "surrogate": "raise ValueError(chr(0xd800))",
    "endless": "def f(): f()\nf()",
    "syntax": "def",
    "warned": "import warnings; warnings.warn('mind', DeprecationWarning); raise ValueError",
    "late": "from ngym_core import *\n@hookimpl\ndef ngym_tasks():\n yield TaskSpec('Late-v0', 'a:B')\n raise SystemExit",
}


@pytest.mark.parametrize("options", [(), ("-W", "error")])
def test_whatever_a_pack_raises_costs_only_this_pack(tmp_path, options):
    for name, code in RAISED.items():
        install(tmp_path, name, code)
    install(tmp_path, "zz_good_site", GOOD)
    code = "import ngym_core as n; n.make('GoodSite-v0').reset(); print([i for i in n.all_envs() if i == 'Late-v0'])"
    out, err = run(tmp_path, *options, "-c", code)
    assert out == "[]\n"
    for name in RAISED:
        assert err.count(f"The ngym pack '{name}' of {name} 1.0 is left out: ") == 1
    assert len(err) < 20_000


HALF = """
import ngym_core as ngym

class Double(ngym.FixateThenChoose):
    def step_one(self, task, now, action):
        reward, ends = super().step_one(task, now, action)
        return 2 * reward, ends
"""


def test_pack_whose_rule_is_refused_costs_only_itself(tmp_path):
    install(tmp_path, "half", HALF)
    install(tmp_path, "zz_good_site", GOOD)
    _, err = run(tmp_path, "-c", "import ngym_core as n; n.make('GoodSite-v0').reset()")
    assert err.count("PluginWarning") == 1
    assert "The ngym pack 'half' of half 1.0 is left out: TypeError: Double defines step_one but not step_many" in err


PRINTS = """
import os, subprocess, sys
def shout(where):
    print(where); os.write(1, where.encode()); sys.__stdout__.write(where); subprocess.run(["echo", where])
shout("at import")
from ngym_core import *
class Shouting(TrialEnv):
    "A task."
    shout("in a class")
    metadata = {"tags": ["loud"]}
@hookimpl
def ngym_tasks():
    shout("in a hook")
    return [TaskSpec("Shouting-v0", "loud_tasks:Shouting")]
@hookimpl
def ngym_tags():
    shout("in tags")
    return {"loud": "prints"}
@hookimpl
def ngym_commands(group):
    shout("in commands")
"""


@pytest.mark.parametrize("command", ["list", "tags", "wrappers", "plugins", "check"])
def test_json_is_all_that_a_command_prints_to_stdout(tmp_path, command):
    install(tmp_path, "loud", PRINTS)
    (tmp_path / "loud_tasks.py").write_text(PRINTS)
    names = ["Shouting-v0"] if command == "check" else []
    out, err = run(tmp_path, "-m", "ngym_core", command, *names, "--json", code=len(names))
    assert json.loads(out)
    for place in ("at import", "in a hook", "in tags", "in commands"):
        assert err.count(place) >= 4
    assert err.count("in a class") >= (8 if command in ("list", "tags", "check") else 4)  # the module of the task, too


def test_user_can_interrupt_a_pack_that_hangs_and_is_told_which(tmp_path):
    install(tmp_path, "hanging", "import sys, time\nprint('started', file=sys.stderr, flush=True)\ntime.sleep(100)")
    # A child of a background job ignores interrupts unless it says otherwise.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ngym_core.cli import main; main()"
    process = start(tmp_path, "-c", code, "plugins")
    assert process.stderr.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert err.endswith("KeyboardInterrupt\nngym was importing the pack 'hanging' of hanging 1.0.\n")


def test_plugins_command_names_slow_packs(tmp_path):
    install(tmp_path, "slow", "import time; time.sleep(1.05)\n" + GOOD)
    install(tmp_path, "quick", "import time; time.sleep(0.002)\n" + GOOD.replace("GoodSite", "Quick"))
    lines = run(tmp_path, "-m", "ngym_core", "plugins")[0].splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.startswith("slow "))
    assert lines[at + 1].startswith("    slow: whatever imports ngym_core waits 1.")
    assert "\n".join(lines).count("    slow: ") == 1
    seconds = {p["name"]: p["import_seconds"] for p in json.loads(run(tmp_path, "-m", "ngym_core", "plugins", "--json")[0])}
    assert seconds["slow"] > 1.0 > seconds["quick"] > 0.0 == seconds["tasks"]


# ---- import orders ------------------------------------------------------------------------------

USE = """
import gymnasium as gym, ngym_core as ngym
assert {"GoodSite-v0", "MySite-v0"} <= set(ngym.all_envs()), ngym.plugins.registry.pack_manager().packs
gym.make("ngym_core:MySite-v0").reset(seed=0)
"""
TASKS = """
import ngym_core as ngym
from ngym_core.tasks.delay_match_sample import DelayMatchSample
class Mine(DelayMatchSample):
    "A task."
"""
HOOKS = """
@ngym.hookimpl
def ngym_tasks():
    return [ngym.TaskSpec("MySite-v0", TARGET)]
TARGET = "my_site:Mine"  # below the hook: it can be called only when the module is complete
"""
OBJECT = """
class Hooks:
    @ngym.hookimpl
    def ngym_tasks(self):
        return [ngym.TaskSpec("MySite-v0", "my_site:Mine")]
hooks = Hooks()
"""
POINT = "[ngym]\nmy_site = {}\n"
LAYOUTS = {
    "one_module": (POINT.format("my_site"), {"my_site.py": TASKS + HOOKS}),
    "object": (POINT.format("my_site:hooks"), {"my_site.py": TASKS + OBJECT}),
    "plugin_inside": (
        POINT.format("my_site.plugin"),
        {"my_site/__init__.py": TASKS, "my_site/plugin.py": "import ngym_core as ngym\nfrom my_site import Mine" + HOOKS},
    ),
    "plugin_imported_by_its_package": (
        POINT.format("my_site.plugin"),
        {"my_site/__init__.py": "from my_site.plugin import Mine", "my_site/plugin.py": TASKS + HOOKS},
    ),
    "plugin_beside_it": (
        POINT.format("my_site_plugin"),
        {"my_site.py": TASKS, "my_site_plugin.py": "import ngym_core as ngym\nfrom my_site import Mine" + HOOKS},
    ),
    "plugin_beside_it_reads_an_attribute": (
        POINT.format("my_site_plugin"),
        {"my_site.py": TASKS, "my_site_plugin.py": "import my_site, ngym_core as ngym\nMine = my_site.Mine" + HOOKS},
    ),
}
FIRST = [
    "import my_site",
    "from my_site import Mine",
    "import ngym_core",
    "import gymnasium; gymnasium.make('my_site:MySite-v0')",
]


def lay_out(folder, layout):
    points, files = LAYOUTS[layout]
    install(folder, "my_site", "", points=points)
    (folder / "my_site.py").unlink()
    for name, code in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code)
    install(folder, "good_site", GOOD)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pack_is_loaded_whatever_is_imported_first(tmp_path, layout):
    lay_out(tmp_path, layout)
    for first in FIRST:
        for strict in ({}, {"NGYM_STRICT": "1"}):
            assert run(tmp_path, "-c", first + USE, **strict) == ("", ""), first
    out, _ = run(tmp_path, "-m", "ngym_core", "plugins", "--json")
    assert {p["name"]: p["state"] for p in json.loads(out)}["my_site"] == "ok"


def test_built_pack_is_loaded_when_it_is_imported_first(python):
    code = """
from good_pack import Flash, Left
import gymnasium as gym, ngym_core as ngym
assert isinstance(gym.make("ngym_core:Flash-v0").unwrapped, Flash)
assert "Left-v0" in ngym.all_wrappers() and "flashing" in ngym.all_tags()
"""
    for strict in ({}, {"NGYM_STRICT": "1"}):
        assert python(code, "good", "twin_a", **strict) == ("", "")


def test_pack_that_cannot_be_imported_first_reports_its_own_error(tmp_path):
    install(tmp_path, "my_site", TASKS + HOOKS + "import a_module_that_nobody_has\n")
    install(tmp_path, "good_site", GOOD)
    code = "try:\n    import my_site\nexcept ImportError as error:\n    print(error)\nimport ngym_core as n\n"
    out, err = run(tmp_path, "-c", code + "print('GoodSite-v0' in n.all_envs(), 'MySite-v0' in n.all_envs())")
    assert out == "No module named 'a_module_that_nobody_has'\nTrue False\n"
    assert err.count("PluginWarning") == 1
    assert "The ngym pack 'my_site' of my_site 1.0 is left out: ModuleNotFoundError: No module named" in err
    run(tmp_path, "-c", "import my_site", code=1)
    out, err = run(tmp_path, "-c", "import my_site", code=1, NGYM_STRICT="1")
    assert err.strip().endswith("ModuleNotFoundError: No module named 'a_module_that_nobody_has'")


def test_faulty_pack_that_is_imported_first_is_left_out_alone(tmp_path):
    install(tmp_path, "my_site", TASKS + HOOKS.replace("MySite-v0", "ReadySetGo-v0"))
    install(tmp_path, "good_site", GOOD)
    out, err = run(tmp_path, "-c", "import my_site, ngym_core as n; print('GoodSite-v0' in n.all_envs())")
    assert out == "True\n"
    assert "'my_site' of my_site 1.0 is left out: ValueError: The task id 'ReadySetGo-v0' belongs to" in err
    _, err = run(tmp_path, "-c", "import my_site", code=1, NGYM_STRICT="1")
    assert "The task id 'ReadySetGo-v0' belongs to" in err


def test_make_says_that_a_pack_is_still_being_imported(tmp_path):
    install(tmp_path, "my_site", TASKS + HOOKS + "try:\n    ngym.make('MySite-v0')\nexcept KeyError as e:\n    print(e)\n")
    out, err = run(tmp_path, "-c", "import my_site, ngym_core; ngym_core.make('MySite-v0')")
    assert "The pack 'my_site' of my_site is still being imported; its tasks are known afterwards" in out
    assert err == ""


# ---- targets that cannot be imported -------------------------------------------------------------

PARTLY = """
from ngym_core import TaskSpec, WrapperSpec, hookimpl
GOOD = "ngym_core.tasks.delay_match_sample:DelayMatchSample"
@hookimpl
def ngym_tasks():
    yield TaskSpec("GoodPart-v0", GOOD)
    yield TaskSpec("NoModule-v0", "a_module_that_nobody_has:Task")
    yield TaskSpec("NoClass-v0", "partly:Task")
    yield TaskSpec("NotAClass-v0", "partly:GOOD")
    yield TaskSpec("Leaves-v0", "partly_leaves:Task")
@hookimpl
def ngym_wrappers():
    yield WrapperSpec("NoWrapper-v0", "a_module_that_nobody_has:Wrapper")
@hookimpl
def ngym_commands(group):
    group.command("partly")(lambda: print("works"))
"""
WHY = {
    "NoModule-v0": "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    "NoClass-v0": "AttributeError: module 'partly' has no attribute 'Task'",
    "NotAClass-v0": "TypeError: 'ngym_core.tasks.delay_match_sample:DelayMatchSample' is neither a class nor a function.",
    "Leaves-v0": "SystemExit: 3",
}


@pytest.fixture
def partly(tmp_path):
    """A folder with a pack of which some tasks and a wrapper cannot be imported."""
    install(tmp_path, "partly", PARTLY)
    (tmp_path / "partly_leaves.py").write_text("print('loud'); raise SystemExit(3)")
    install(tmp_path, "good_site", GOOD)
    return tmp_path


def test_targets_that_cannot_be_imported_cost_only_themselves(partly):
    code = """
import contextlib, io, warnings
import ngym_core as ngym
from ngym_core.plugins import registry
warnings.simplefilter("ignore", ngym.PluginWarning)
assert "NoModule-v0" in ngym.all_envs() and "NoWrapper-v0" in ngym.all_wrappers()
assert "working memory" in ngym.all_tags() and "GoodPart-v0" in ngym.all_envs("working memory")
assert not registry.task_metadata(registry.task_spec("NoClass-v0"))["tags"]
with contextlib.redirect_stdout(io.StringIO()) as text:
    ngym.show_all_tasks(); ngym.show_all_tasks("working memory"); ngym.show_all_tags(); ngym.show_all_wrappers()
    ngym.show_info("GoodPart-v0")
assert "GoodPart-v0" in text.getvalue()
ngym.make("GoodPart-v0").reset(); ngym.make_vec("GoodPart-v0", 2).reset()
"""
    assert run(partly, "-c", code)[0] == ""
    for arguments in (("list",), ("list", "--tag", "working memory"), ("list", "--json"), ("info", "GoodPart"), ("tags",)):
        out, err = run(partly, "-W", "ignore", "-m", "ngym_core", *arguments)
        assert out
        assert "loud" not in out
        assert "Traceback" not in err
    assert "NoModule-v0" in run(partly, "-W", "ignore", "-m", "ngym_core", "list")[0]
    assert run(partly, "-m", "ngym_core", "partly")[0] == "works\n"


def test_plugins_names_the_targets_that_cannot_be_imported(partly):
    out, err = run(partly, "-m", "ngym_core", "plugins", "--json")
    packs = {pack["name"]: pack for pack in json.loads(out)}
    why = WHY | {"NoWrapper-v0": "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"}
    assert (packs["partly"]["state"], packs["partly"]["unusable"]) == ("incomplete", why)
    assert {pack["state"] for name, pack in packs.items() if name != "partly"} == {"ok"}
    assert err == "loud\n"
    out, _ = run(partly, "-m", "ngym_core", "plugins")
    assert "partly  (partly 1.0)  incomplete  5 tasks, 1 wrappers" in out
    for name, reason in why.items():
        assert f"    {name} cannot be imported: {reason}\n" in out


@pytest.mark.parametrize("id_", WHY)
def test_make_quotes_why_a_target_cannot_be_imported(partly, id_):
    code = f"""
import gymnasium as gym, ngym_core as ngym
for make in (ngym.make, lambda i: ngym.make_vec(i, 2), gym.make, lambda i: gym.make_vec(i, 2), ngym.show_info):
    try:
        make("{id_}")
    except ImportError as error:
        print(error)
"""
    out, _ = run(partly, "-c", code)
    (line,) = set(out.splitlines())
    assert out.count("\n") == 5
    assert line.startswith(f"The task '{id_}' of partly 1.0 cannot be imported from '")
    assert line.endswith(WHY[id_])
    _, err = run(partly, "-m", "ngym_core", "info", id_, code=1)
    assert f"Error: {line}\n" in err
    assert "Traceback" not in err


def test_make_quotes_why_a_wrapper_cannot_be_imported(partly):
    code = "import ngym_core as n\ntry: n.make('GoodPart-v0', wrappers=['NoWrapper'])\nexcept ImportError as e: print(e)"
    out, _ = run(partly, "-c", code)
    assert out.startswith(
        "The wrapper 'NoWrapper-v0' of partly 1.0 cannot be imported from 'a_module_that_nobody_has:Wrapper'"
    )
    assert "No module named 'a_module_that_nobody_has'" in run(partly, "-m", "ngym_core", "info", "NoWrapper", code=1)[1]
