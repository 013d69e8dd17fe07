from __future__ import annotations

import copy
import importlib
import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import ngym_core
import ngym_core.compat as ngym
from ngym_core.sampling import layers

from ..task_ids import IDS


@pytest.mark.parametrize("id_", IDS)
def test_every_task_plays_as_without_compat(id_):
    env, plain = ngym.make(id_), ngym_core.make(id_)
    env = pickle.loads(pickle.dumps(copy.deepcopy(env)))
    assert str(env) == str(plain)
    assert np.array_equal(env.reset(seed=0, no_step=True)[0], plain.reset(seed=0)[0])
    plain.action_space.seed(0)
    for _ in range(20):
        action = plain.action_space.sample()
        ours, theirs = env.step(action), plain.step(action)
        assert np.array_equal(ours[0], theirs[0])
        assert ours[1:4] == theirs[1:4]
    lanes = ngym_core.TrialVectorEnv(ngym.make(id_), 2)
    assert type(lanes._backend) is type(ngym_core.make_vec(id_, 2)._backend)
    lanes.reset(seed=0)


def test_tasks_and_wrappers_are_instances_of_the_old_bases():
    env = ngym.make("GoNogo-v0", wrappers=["PassReward"])
    assert isinstance(env, ngym.TrialWrapper)
    assert not isinstance(env, ngym.TrialEnv)
    assert isinstance(env.unwrapped, ngym.core.TrialEnv)
    assert issubclass(ngym.wrappers.SideBias, ngym.TrialWrapper)
    assert not issubclass(int, ngym.TrialEnv)
    assert not isinstance(env.unwrapped, type("Own", (ngym.TrialEnv,), {}))


@pytest.mark.parametrize("name", ["Noise", "PassAction", "PassReward", "ReactionTime", "RandomGroundTruth", "TimeOut"])
def test_wrappers_take_no_step(name):
    env = getattr(ngym.wrappers, name)(ngym.make("PerceptualDecisionMaking-v0"))
    ob, _ = env.reset(no_step=True)
    assert pickle.loads(pickle.dumps(env)).reset(no_step=True, seed=0)[0].shape == ob.shape


@pytest.mark.parametrize(
    "build", [lambda **k: ngym.make("DelayComparison-v0", **k), lambda **k: ngym.envs.DelayComparison(**k)]
)
def test_unknown_timing_keys_are_warnings(build):
    with pytest.warns(UserWarning, match=r"The timing keys \['response'\] are left out: the task has \['fixation'"):
        env = build(timing={"response": 100, "delay": 300})
    assert env.timing["delay"] == 300
    assert "response" not in env.timing
    with pytest.raises(KeyError, match="response"):
        ngym_core.make("DelayComparison-v0", timing={"response": 100})


def test_unknown_timing_keys_of_composed_tasks_are_warnings():
    with pytest.warns(UserWarning, match="'response'"):
        env = ngym.envs.collections.yang19.dms(timing={"response": 100, "test": 300})
    assert env.timing["test"] == 300


def test_register_takes_an_entry_point():
    target = "ngym_core.tasks.go_nogo:GoNogo"
    try:
        ngym.register(id="OldName-v0", entry_point=target, kwargs={"dt": 50})
        ngym.register(id="OldName-v0", entry_point=target, kwargs={"dt": 50})  # NeuroGym's programs do it at each import
        assert ngym.make("OldName-v0").dt == 50
        with pytest.raises(ValueError, match="OldName-v0"):
            ngym.register(id="OldName-v0", entry_point=target)
        with pytest.warns(UserWarning, match="max_episode_steps"):
            ngym.register(id="OldClass-v0", entry_point=ngym_core.tasks.go_nogo.GoNogo, max_episode_steps=3)
        assert ngym.make("OldClass-v0").dt == 100
        with pytest.raises(TypeError, match="must be a class of a module"):
            ngym.register(id="OldLocal-v0", entry_point=lambda: None)
    finally:
        ngym_core.plugins.registry.unregister(["OldName-v0", "OldClass-v0"])


class Oracle:
    def __init__(self, env):
        self.env = env

    def predict(self, ob, state=None, episode_start=None, deterministic=False):
        return self.env.unwrapped.gt_now, state


def test_monitor_takes_an_old_configuration_and_evaluates(tmp_path, capsys):
    config = {"agent": {}, "monitor": {"verbose": False, "interval": 5, "plot": {"create": False, "title": "x"}}}
    toml = tmp_path / "config.toml"
    toml.write_text("[agent]\n[monitor]\nverbose = false\ninterval = 5\n[monitor.plot]\ncreate = false\ntitle = 'x'\n")
    for given in (config, str(toml)):
        with pytest.warns(UserWarning, match=r"leaves out the settings \['agent', 'monitor.title'\]"):
            env = ngym.wrappers.Monitor(ngym.make("PerceptualDecisionMaking-v0"), config=given, save_dir=tmp_path / "run")
        assert env.config["interval"] == 5
    found = env.evaluate_policy(num_trials=4, model=Oracle(env))
    assert found["performances"].tolist() == found["rewards"].tolist() == found["cum_rewards"].tolist() == [1.0] * 4
    assert [found[f"mean_{name}"] for name in ("reward", "cum_reward", "performance")] == [1.0] * 3
    assert "mean_reward 1.000" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_pass_action_appends_one_channel_for_each_action():
    env = ngym.wrappers.PassAction(ngym.make("PerceptualDecisionMaking-v0"), one_hot=True)
    assert env.reset(seed=0, no_step=True)[0][3:].tolist() == [0, 0, 0]
    assert env.step(2)[0][3:].tolist() == [0, 0, 1]
    assert env.observation_space.shape == (6,)
    assert ngym.PassAction(ngym.make("GoNogo-v0")).observation_space.shape == (4,)
    lanes = ngym_core.TrialVectorEnv(env, 2)
    assert type(lanes._backend) is type(ngym_core.make_vec("PerceptualDecisionMaking-v0", 2)._backend)
    lanes.reset(seed=0)
    assert lanes.step(np.array([0, 2]))[0][:, 3:].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_names_beyond_a_space_are_a_warning():
    with pytest.warns(UserWarning, match="outside the 1 actions"):
        space = ngym.spaces.Discrete(1, name={"choice": [0, 1]})
    assert space.name == {"choice": [0, 1]}
    with pytest.warns(UserWarning, match="outside the 2 channels"):
        ngym.spaces.Box(0, 1, name={"a": 2}, shape=(2,))
    with pytest.raises(TypeError):
        ngym.spaces.Discrete(1, name="choice")
    with pytest.raises(ValueError, match="outside"):
        ngym_core.spaces.Discrete(1, name={"choice": [0, 1]})


def test_trunc_exp_takes_a_generator():
    rng = np.random.RandomState(3)
    assert ngym.TruncExp(300, 100, 900, rng=rng).rng is rng
    assert ngym.random.TruncExp(300) == ngym_core.TruncExp(300)


def test_all_names_exist():
    for path in ["", *ngym.MODULES]:
        module = ngym._module(path)
        for name in dir(module):
            if not name.startswith("_") and not {name} & {*ngym.PLOTTING, *ngym.DATA, *ngym.PSYCHOMETRIC}:
                assert getattr(module, name) is not None, (path, name)
    assert {"make", "spaces", "TrialEnv"} <= set(dir(ngym))
    with pytest.raises(AttributeError, match="'ngym_core.compat' has no attribute 'Confg': ngym has no counterpart"):
        ngym.Confg  # noqa: B018


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ngym_plot", None)
    with pytest.raises(ImportError, match="needs the package ngym-plot: pip install"):
        ngym.utils.plotting.plot_env  # noqa: B018


def run(code, **env):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_install_fills_in_modules_and_nothing_happens_without_it():
    code = """
import json, sys
import ngym_core.compat as compat
before = [name for name in sys.modules if name.startswith("neurogym")]
heavy = [name for name in ("torch", "matplotlib") if name in sys.modules]
compat.install(); compat.install()
import neurogym as ngym
import neurogym.envs.native.perceptualdecisionmaking as native
from neurogym.wrappers import SideBias, monitor
from neurogym.wrappers.block import MultiEnvs, ScheduleEnvs
from neurogym.envs.collections.yang19 import go
from neurogym.envs.registration import all_envs
from neurogym.utils import scheduler, spaces
from neurogym.utils.ngym_random import TruncExp
from neurogym.core import TrialEnv
env = ngym.make("GoNogo-v0")
print(json.dumps([before, heavy, len(env.reset(no_step=True)[0]), isinstance(env, TrialEnv), len(all_envs()) > 30,
    native.PerceptualDecisionMaking(dt=50).dt, scheduler.RandomSchedule(3).n, ngym.__version__]))
"""
    before, heavy, ob, is_task, many, dt, n, version = run(code)
    assert (before, heavy, ob, is_task, many, dt, n) == ([], [], 3, True, True, 50, 3)
    assert version == ngym_core.__version__


def test_install_is_refused_where_neurogym_is_installed(tmp_path, monkeypatch):
    package = tmp_path / "neurogym"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match="NeuroGym is installed, so `import neurogym` is that"):
        ngym.install()
    assert "neurogym" not in sys.modules


def test_own_tasks_and_wrappers_take_no_step():
    class Task(ngym.TrialEnv):
        def __init__(self):
            super().__init__()
            self.timing = {"decision": 200}
            self.observation_space = ngym.spaces.Box(0, 1, shape=(1,))
            self.action_space = ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            self.add_period("decision")
            self.add_ob(1)
            self.set_groundtruth(1)
            return {}

        def _step(self, action):
            return self.ob_now, 0.0, False, False, {"new_trial": False}

    class Wrapper(ngym.TrialWrapper):
        def new_trial(self, **kwargs):
            return self.env.new_trial(**kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = Wrapper(Task())
        assert env.reset(no_step=True)[0].tolist() == [1]
        assert env.task.reset(no_step=True)[0].tolist() == [1]
    assert [type(layer).__name__ for layer in layers(env)] == ["Wrapper", "Task"]
