"""Packs from outside, built and installed as users install them, and packs made in a test."""

from __future__ import annotations

import json

import click
import pytest

import ngym_core as ngym
from ngym_core.plugins import manager as manager_module

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
    assert pack["hooks"] == ["ngym_commands", "ngym_tags", "ngym_tasks", "ngym_wrappers"]


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
