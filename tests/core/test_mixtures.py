from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

import ngym_core as ngym
from ngym_core.plugins.registry import get_collection
from ngym_core.sampling import sample_as_data
from ngym_core.scheduler import RandomSchedule, SequentialSchedule
from ngym_core.spaces import names_of
from ngym_core.testing import _equal, check_task
from ngym_core.wrappers import FixConditions, FollowCurriculum, MultiEnvs

from .comparison import compare_with_single_envs

PDM = "PerceptualDecisionMaking-v0"
TWO = ["yang19.go-v0", "yang19.dms-v0"]
THREE = ["PerceptualDecisionMaking-v0", "yang19.go-v0", "GoNogo-v0"]


def test_each_task_of_a_mixture_has_the_trials_that_it_has_alone():
    trials = ngym.mix("yang19").sample_trials(600, seed=5)
    assert trials.conditions["task"].tolist() == [get_collection("yang19")[i] for i in trials.conditions["i_env"]]
    for i, id_ in enumerate(get_collection("yang19")):
        rows = np.nonzero(trials.conditions["i_env"] == i)[0]
        alone = ngym.make(id_).sample_trials(len(rows), draws=ngym.Draws(5).child(f"env {i}"))
        for one, mixed in zip(alone, (trials[int(row)] for row in rows), strict=True):
            assert np.array_equal(mixed.ob[:, :33], one.ob)
            assert np.array_equal(mixed.gt, one.gt)
            assert np.array_equal(mixed.ob[:, 33:], np.tile(np.eye(20)[i], (one.length, 1)))
            assert {period: span for period, span in mixed.start.items() if period in one.start} == one.start
            for name, value in one.conditions.items():
                assert mixed.conditions[name] == value


def test_conditions_of_a_mixture_keep_their_types_and_miss_what_a_task_lacks():
    conditions = ngym.mix(THREE, pad=True).sample_trials(200, seed=0).conditions
    assert conditions["coh"].dtype == float
    assert conditions["modality"].dtype == float
    of_first = conditions["i_env"] == 0
    assert np.isfinite(conditions["coh"][of_first]).all()
    assert np.isnan(conditions["coh"][~of_first]).all()
    assert ngym.mix(TWO).sample_trials(4, seed=0).conditions["ground_truth"].dtype == object


@pytest.mark.parametrize("wrappers", [[], ["PassReward", ("Noise", {"std_noise": 0.1})]])
def test_lanes_of_a_mixture_equal_single_envs(wrappers):
    compare_with_single_envs(lambda: ngym.make("yang19", wrappers=wrappers), n=3, steps=150)


@pytest.mark.parametrize("weights", [None, [3, 1]])
@pytest.mark.parametrize("block", [1, 4, (2, 6), 0.25, [4, 4]])
def test_weights_are_the_shares_of_trials_and_blocks_keep_the_task(weights, block):
    i = ngym.mix(TWO, weights=weights, block=block).sample_trials(20_000, seed=1).conditions["i_env"]
    # the standard error over blocks of four trials is 0.006
    assert i.mean() == pytest.approx(0.5 if weights is None else 0.25, abs=0.025)
    changes = (i[1:] != i[:-1]).mean()
    of_blocks = 1.0 if weights is None else 2 * 0.25 * 0.75
    assert changes == pytest.approx(
        {1: 0.5 if weights is None else of_blocks}.get(str(block) == "1" or -1, of_blocks / 4), abs=0.02
    )


def test_schedule_says_which_task_each_trial_comes_from():
    env = ngym.mix(TWO, schedule=SequentialSchedule(2), cue=None)
    assert env.sample_trials(5, seed=0).conditions["i_env"].tolist() == [0, 1, 0, 1, 0]
    assert env.observation_space.shape == (33,)


def test_padded_tasks_keep_their_channels_and_take_any_action():
    env = ngym.mix(THREE, pad=True)
    assert env.observation_space.shape == (36,)
    assert env.action_space.n == 17
    assert names_of(env.observation_space)["stimulus_mod2"] == range(17, 33)
    assert names_of(env.envs[0].action_space) == {"fixation": 0, "choice": range(1, 3)}
    trials = env.sample_trials(60, seed=3)
    alone = ngym.make(THREE[0]).sample_trials(60, draws=ngym.Draws(3).child("env 0"))
    rows = np.nonzero(trials.conditions["i_env"] == 0)[0]
    for one, row in zip(alone, rows, strict=False):
        shown = trials[int(row)].ob
        assert np.array_equal(shown[:, :3], one.ob)
        assert not shown[:, 3:33].any()
    env.new_trial(i_env=0)
    steps = [env.step(16 if env.in_period("decision") else 0) for _ in range(len(env.gt))]
    assert steps[-1][1] == 0
    assert steps[-1][4]["new_trial"]
    assert steps[-1][4]["performance"] == 0
    assert env.sample_trials(1, seed=0, i_env=0).ob.shape[2] == 36


def test_collection_is_made_by_its_name_with_arguments_for_the_mixture_and_its_tasks():
    env = ngym.make("ngym_core:yang19", block=[2] * 20, dt=50, wrappers=["PassReward"], num_trials_before_reset=3)
    assert env.observation_space.shape == (54,)
    assert {task.unwrapped.dt for task in env.env.envs} == {50}
    env.reset(seed=0)
    ends = 0
    while not env.step(0)[3]:
        ends += 1
    assert env.unwrapped.num_tr == 4  # the first of the next episode


def test_state_of_a_mixture_goes_on_as_the_mixture_would():
    env, other = ngym.make("yang19"), ngym.make("yang19")
    env.reset(seed=0)
    for _ in range(70):
        env.step(0)
    other.set_state(env.get_state())
    for _ in range(200):
        one, two = env.step(3), other.step(3)
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tasks": []}, ValueError, r"tasks=\[\] must be the name of a collection, or a list of at least one id or env"),
        ({"tasks": 5}, ValueError, "tasks=5 must be the name of a collection"),
        ({"tasks": "yang20"}, ValueError, "Unknown collection of envs, yang20. Did you mean 'yang19'"),
        ({"tasks": ["yang19.goo-v0"]}, ngym.UnknownTaskError, "Did you mean 'yang19.go-v0'"),
        ({"tasks": THREE}, ValueError, "must have the same shape of observations and the same actions, unless pad=True"),
        (
            {"tasks": TWO, "weights": [1, 2, 3]},
            ValueError,
            r"^weights=\[1, 2, 3\] must be a sequence of 2 finite numbers from 0",
        ),
        ({"tasks": TWO, "weights": [np.inf, 1]}, ValueError, r"^weights=\[inf, 1\] must be a sequence of 2 finite numbers"),
        ({"tasks": TWO, "weights": ["a", 1]}, TypeError, r"^weights=\['a', 1\] must be a sequence of 2 finite numbers"),
        ({"tasks": TWO, "weights": [0, 0]}, ValueError, r"^weights=\[0, 0\] must have at least one number above 0"),
        ({"tasks": TWO, "block": [1, 2, 3]}, ValueError, r"block=\[1, 2, 3\] must have 2 lengths, one for each task"),
        ({"tasks": TWO, "block": 0}, ValueError, "must be an integer from 1"),
        ({"tasks": TWO, "cue": "onehot"}, ValueError, "cue='onehot' must be one of 'one_hot', 'parts', or None"),
        ({"tasks": TWO, "schedule": SequentialSchedule(2), "block": 3}, ValueError, "a schedule, or weights and blocks"),
        ({"tasks": TWO, "schedule": SequentialSchedule(3)}, ValueError, "2 envs, the schedule chooses from 3"),
        ({"tasks": TWO, "dtt": 10}, TypeError, "unexpected keyword argument 'dtt'. Did you mean 'dt'"),
        ({"tasks": [ngym.make("GoNogo-v0")], "dt": 10}, TypeError, "dt: arguments go with ids"),
        ({"tasks": ["Bandit-v0", *TWO], "pad": True}, ValueError, "cannot give <Bandit> more actions"),
        (
            {"tasks": ["Reaching1D-v0", "AnnubesEnv-v0", "MemoryRecall-v0"], "pad": True, "dt": 100},
            ValueError,
            "pad=True needs tasks that choose",
        ),
        ({"tasks": ["RandomDotMotion-v0", "GoNogo-v0"], "pad": True, "dt": 100}, ValueError, "pad=True"),
        (
            {"tasks": ["GoNogo-v0", "ReadySetGo-v0"], "pad": True},
            ValueError,
            r"^All envs must have the same time step; their dt are 100 ms \(<GoNogo>\), 80 ms \(<ReadySetGo>\)\.",
        ),
        (
            {"tasks": [TWO[0], *TWO], "cue": "parts"},
            ValueError,
            "cue='parts' shows the same for the tasks 'yang19.go-v0' and 'yang19.go-v0', whose ids have the same parts",
        ),
        (
            {"tasks": ["yang19.go+go_cue+anti", "yang19.go+anti+go_cue"], "cue": "parts"},
            ValueError,
            r"for the tasks 'yang19\.go-v0\+go_cue\+anti' and 'yang19\.go-v0\+anti\+go_cue'",
        ),
    ],
)
def test_mix_rejects_invalid_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        ngym.mix(**arguments)


def test_cue_of_parts_has_a_channel_for_each_task_and_modifier():
    env = ngym.mix(["yang19.go-v0", "yang19.go-v0+anti", "yang19.dlygo-v0+anti"], cue="parts")
    assert env.observation_space.shape == (36,)
    trials = env.sample_trials(30, seed=0)
    assert set(trials.conditions["task"]) == {"yang19.go-v0", "yang19.go-v0+anti", "yang19.dlygo-v0+anti"}
    cues = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]])
    assert np.array_equal(trials.ob[:, 0, 33:], cues[trials.conditions["i_env"]])


def test_envs_are_named_by_their_ids_with_modifiers():
    ids = ["yang19.go-v0", "yang19.go-v0+anti", "yang19.go-v0+delay=500+interval=left"]
    made = ngym.mix([ngym.make(id_, wrappers=["Noise"]) for id_ in ids], cue="parts")
    assert made.names == ids
    assert np.array_equal(made.cues, ngym.mix(ids, cue="parts").cues)
    assert MultiEnvs([ngym.make(id_) for id_ in ids]).names == ids
    drawn = ngym.make("yang19.go", wrappers=["Anti", ("Delay", {"ms": ("uniform", (200, 900))})])
    assert MultiEnvs([drawn]).names == ["yang19.go-v0+anti+delay=uniform between 200 and 900"]
    assert MultiEnvs([ngym.make("modcog.dlygointr-v0"), ngym.make("yang19.anti-v0")]).names == [
        "modcog.dlygointr-v0",  # the modifiers that a task brings along belong to its id
        "yang19.anti-v0",
    ]


def test_envs_of_other_time_steps_are_refused_also_in_a_mixture_inside():
    inner = ngym.mix(TWO, dt=50, cue=None)
    with pytest.raises(ValueError, match=r"their dt are 100 ms \(<Go>\), 50 ms \(<MatchSample>\)"):
        ngym.mix([TWO[0], inner])
    assert ngym.mix([ngym.make(TWO[0], dt=50), inner]).sample_trials(3, seed=0).n == 3


def test_an_env_is_part_of_one_mixture_only():
    env = ngym.make(TWO[0])
    mixture = ngym.mix([env, TWO[1]])
    for others in ([env, TWO[1]], [env]):
        with pytest.raises(ValueError, match=r"The task <Go> of env 0 is part of a mixture already: make another env"):
            ngym.mix(others)
    twice = ngym.make(TWO[0])
    with pytest.raises(ValueError, match="of env 1 is part of a mixture already"):
        ngym.mix([twice, twice])
    assert ngym.mix([mixture, ngym.mix(TWO)]).sample_trials(3, seed=0).n == 3


def test_blocks_may_be_an_array_and_weights_large():
    assert ngym.mix(TWO, block=np.array([2, 3])).schedule == ngym.mix(TWO, block=[2, 3]).schedule
    assert ngym.mix(TWO, block=np.array(3)).schedule == ngym.mix(TWO, block=3).schedule
    assert ngym.mix(TWO, weights=np.array([1e308, 1e308])).schedule.p.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("forced", [{"task": TWO}, {"i_env": [0, 1]}, {"modality": [0, 1]}])
def test_forced_conditions_of_a_mixture_are_one_for_each_trial(forced):
    with pytest.raises(ValueError, match=f"The condition {next(iter(forced))!r} is forced to 2 values for 4 trials"):
        ngym.mix([TWO[0], "yang19.anti-v0"]).sample_trials(4, seed=0, **forced)


def test_task_names_and_cues_must_fit_the_envs():
    envs = [ngym.make(id_) for id_ in TWO]
    with pytest.raises(ValueError, match="must be 2 names, one for each env"):
        MultiEnvs(envs, names=["go"])
    with pytest.raises(ValueError, match="must have 2 rows, one for each env"):
        MultiEnvs(envs, True, cues=[[1, 2]])
    env = MultiEnvs(envs, True, names=["go", "match"], cues=[[0.5, 0], [0, 0.5]])
    trials = env.sample_trials(2, seed=0, i_env=[0, 1])
    assert trials.conditions["task"].tolist() == ["go", "match"]
    assert trials.ob[:, 0, 33:].tolist() == [[0.5, 0], [0, 0.5]]


@pytest.mark.parametrize(
    "tasks",
    ["yang19", ["yang19.go-v0", "yang19.dm1-v0"], [*TWO, "yang19.go-v0+delay=500"], ["GoNogo-v0", "Detection-v0"]],
)
def test_mixtures_keep_the_promises_of_every_task(tasks):
    check_task(lambda: ngym.mix(tasks, pad=True), trials=20)


def test_infos_of_a_mixture_can_be_batched_in_any_order():
    env = SyncVectorEnv([lambda: ngym.mix(TWO)] * 4)
    of_first = set()  # by which Gymnasium chooses the type of the array
    for seed in range(8):
        truth = env.reset(seed=seed)[1]["trial"]["ground_truth"]
        assert all(isinstance(value, (int, str)) for value in truth)
        of_first.add(isinstance(truth[0], str))
    assert of_first == {True, False}


def test_periods_of_a_mixture_have_one_order_in_every_batch_and_process():
    names = ["yang19.dms-v0", "yang19.go-v0", "yang19.multidm-v0"]
    expected = list(dict.fromkeys(period for name in names for period in ngym.make(name).sample_trials(1, seed=0).start))
    for i in range(3):
        assert list(ngym.mix(names).sample_trials(2, seed=0, i_env=i).start) == expected


def test_forced_condition_of_several_numbers_is_not_dealt_out_to_trials():
    mixture = ngym.mix(["DelayComparison-v0", ngym.make("DelayComparison-v0", sigma=0.5)])
    for n in (2, 3):
        assert (mixture.sample_trials(n, seed=0, vpair=[18, 10]).conditions["vpair"] == [18, 10]).all()
    pairs = [[18, 10], [10, 18]]
    assert mixture.sample_trials(2, seed=0, i_env=[1, 0], vpair=pairs).conditions["vpair"].tolist() == pairs
    with pytest.raises(ValueError, match="The condition 'vpair' is forced to 2 values for 3 trials"):
        mixture.sample_trials(3, seed=0, vpair=pairs)


def test_wrappers_inside_a_mixture_change_its_data_as_they_change_steps():
    def mixture(cue):
        noisy = ngym.make(PDM, sigma=0, cohs=[0], wrappers=[("Noise", {"std_noise": 1.0})])
        return ngym.mix([noisy, ngym.make("DelayMatchSample-v0", sigma=0)], pad=True, cue=cue)

    for env in (mixture(None), mixture("one_hot"), ngym.mix([mixture(None), ngym.make(PDM, sigma=0, cohs=[0])], pad=True)):
        trials = sample_as_data(env, 300, ngym.Draws(0), {})
        plain = env.sample_trials(300, seed=0)
        index = "inner_i_env" if "inner_i_env" in trials.conditions else "i_env"
        noisy = trials.conditions[index] == 0
        assert noisy.any()
        assert (~noisy).any()
        added = (trials.ob - plain.ob)[..., :3]
        mask = trials.mask & noisy[:, None]
        assert np.std(added[mask]) == pytest.approx(1, abs=0.05)
        assert not added[trials.mask & ~noisy[:, None]].any()
        assert not trials.ob[~trials.mask].any()
        assert np.array_equal(trials.ob[..., 3:], plain.ob[..., 3:])  # other channels and the cue
        assert list(trials.conditions) == list(plain.conditions)
        assert list(trials.start) == list(plain.start)


def test_channels_that_wrappers_inside_a_mixture_append_come_before_its_cue_in_data_too():
    parts = [ngym.make(PDM, wrappers=["PassReward"], rewards={"correct": pay}) for pay in (1.0, 5.0)]
    env = ngym.mix(parts)
    assert env.observation_space.name["reward"] == 3
    trials = sample_as_data(env, 40, ngym.Draws(0), {"i_env": 1})
    assert trials.ob.shape[2] == env.observation_space.shape[0]
    assert set(np.unique(trials.ob[..., 3])) == {0, 5}
    assert (trials.ob[..., 4:].sum(axis=2)[trials.mask] == 1).all()
    with pytest.raises(
        ValueError, match=r"wrapper of <PassReward<.*>> adds others behind them step by step: put that wrapper"
    ):
        ngym.mix([ngym.make(PDM, wrappers=["PassReward"]), ngym.make("GoNogo-v0", wrappers=["PassReward"])], pad=True)


@pytest.mark.parametrize("name", ["PassReward", "PassAction", "FullInput"])
def test_data_of_a_mixture_refuse_wrappers_inside_that_show_the_step_before_another_task(name):
    env = ngym.mix([ngym.make(PDM, wrappers=[name]), ngym.make(PDM, wrappers=[name])])
    message = f"{name} of env 0 shows the step before, which data do not know where it is another task's; put it around"
    with pytest.raises(TypeError, match=message):
        sample_as_data(env, 40, ngym.Draws(0), {})
    draws = ngym.Draws(0)
    sample_as_data(env, 4, draws, {"i_env": 0})
    with pytest.raises(TypeError, match=message):
        sample_as_data(env, 4, draws, {"i_env": 1})


def test_mixture_refuses_pauses_of_one_task():
    env = ngym.make(PDM, wrappers=[("TimeOut", {"time_out": 300})])
    with pytest.raises(
        ValueError, match="TimeOut of env 1 pauses after a trial, and the next may be another task's; put it"
    ):
        ngym.mix([PDM, env])
    assert ngym.mix([env]).reset(seed=0)


def first_observations(env, trials):
    """What the oracle sees at the first step of each trial, with the reward and the action before, and the tasks."""
    found, reward, action = [], 0.0, 0
    ob, info = env.reset(seed=0)
    new = True
    while len(found) < trials:
        if new:
            found.append((ob, reward, action, info["trial"]["i_env"]))
        action = env.unwrapped.gt_now
        ob, reward, _, truncated, info = env.step(action)
        new = info["new_trial"]
        if truncated:
            ob, info = env.reset()
            reward, action = 0.0, 0
    return found


def test_first_observations_of_trials_pass_through_the_wrappers_of_their_own_task():
    noisy = ngym.make("yang19.go-v0", wrappers=[("Noise", {"std_noise": 0.5})], num_trials_before_reset=7)
    env = ngym.mix([noisy, "yang19.anti-v0"])
    found = first_observations(env, 60)
    assert {i for *_, i in found} == {0, 1}
    assert [np.abs(ob[1:33]).max() > 0 for ob, *_, i in found] == [i == 0 for *_, i in found]
    assert all(ob[33:].tolist() == np.eye(2)[i].tolist() for ob, *_, i in found)
    both = ngym.mix(
        [ngym.make("yang19.go-v0", wrappers=["PassReward", "PassAction"], num_trials_before_reset=7) for _ in range(2)]
    )
    for ob, reward, action, _ in first_observations(both, 40):
        assert ob[33:35] == pytest.approx([reward, action])


def test_mixture_that_is_refused_leaves_the_tasks_as_they_are():
    tasks = [ngym.make(id_) for id_ in (PDM, "Bandit-v0", "yang19.go-v0")]
    with pytest.raises(ValueError, match="pad=True cannot give <Bandit> more actions"):
        ngym.mix(tasks, pad=True)
    assert tasks[0].action_space.n == 3
    pausing = ngym.make("GoNogo-v0", wrappers=[("TimeOut", {"time_out": 300})])
    with pytest.raises(ValueError, match="TimeOut of env 1 pauses after a trial"):
        ngym.mix([tasks[0], pausing], pad=True)
    assert pausing.action_space.n == 2


GATE = {"metric": "performance", "threshold": 0.8}


@pytest.mark.parametrize(
    ("decided", "name"),
    [
        (lambda env: FixConditions(env, {"i_env": [0, 1]}), "i_env"),
        (lambda env: ngym.wrappers.ScheduleAttr(env, RandomSchedule(2), [{"i_env": 0}, {"i_env": 1}]), "i_env"),
        (lambda env: FollowCurriculum(env, {"stages": [{"until": GATE}, {"conditions": {"i_env": 1}}]}), "i_env"),
        (
            lambda env: FixConditions(ngym.mix([env, "yang19.dm2-v0"], cue=None), {"inner_i_env": [0, 1], "i_env": 0}),
            "(inner_)?i_env",
        ),
    ],
    ids=["FixConditions", "ScheduleAttr", "FollowCurriculum", "inner_i_env"],
)
def test_mixture_refuses_one_whose_task_a_wrapper_decides_by_its_index(decided, name):
    env = decided(ngym.mix(["yang19.go-v0", "yang19.dm1-v0"], cue=None))
    before = env.sample_trials(8, seed=0)
    with pytest.raises(
        ValueError, match=f"env 1: .* decides '{name}', which is called 'inner_.* let it decide 'task' instead"
    ):
        ngym.mix(["yang19.anti-v0", env], cue=None)
    assert _equal(env.sample_trials(8, seed=0).conditions, before.conditions)


def test_mixture_of_one_whose_task_a_wrapper_decides_by_its_name_plays_it():
    inner = FixConditions(ngym.mix(["yang19.go-v0", "yang19.dm1-v0"], cue=None), {"task": ["yang19.dm1-v0"]})
    env = ngym.mix(["yang19.anti-v0", inner], cue=None)
    assert set(env.sample_trials(50, seed=0).conditions["task"]) == {"yang19.anti-v0", "yang19.dm1-v0"}


@pytest.mark.parametrize(
    "build",
    [
        lambda: ngym.mix(["yang19.go-v0", "yang19.dm1-v0", "yang19.dms-v0"], cue=None),
        lambda: ngym.mix(["yang19.go-v0+delay=500", "yang19.go-v0"]),
        lambda: ngym.mix([ngym.mix(["yang19.go-v0", "yang19.dm1-v0"], cue=None), "yang19.dms-v0"], cue=None),
        lambda: ngym.mix(
            [ngym.mix([ngym.mix(["yang19.go-v0", "yang19.dm1-v0"], cue=None), "yang19.anti-v0"], cue=None), "yang19.dm2-v0"],
            cue=None,
        ),
    ],
)
def test_what_a_mixture_records_may_be_forced_again(build):
    env = build()
    drawn = env.sample_trials(60, seed=0)
    tasks = set(drawn.conditions["task"].tolist())
    names = {name for task in tasks for name in ngym.make(task).sample_trials(1, seed=0).forceable}
    names |= {"task"} | {name for name in drawn.conditions if name.endswith("i_env")}
    made = build().sample_trials(60, seed=0, **{name: drawn.conditions[name] for name in names})
    assert _equal((made.ob, made.gt, made.conditions), (drawn.ob, drawn.gt, drawn.conditions))


def test_what_no_task_of_a_mixture_has_is_refused_though_it_is_missing():
    env = ngym.mix(["yang19.go-v0", "yang19.dm1-v0"], cue=None)
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of .* 'cohh'"):
        env.sample_trials(8, seed=0, cohh=np.nan)
    with pytest.raises((ngym.UnknownNameError, ValueError), match="coh1_mod1"):
        env.sample_trials(8, seed=0, coh1_mod1=0.5)  # of tasks that lack it
