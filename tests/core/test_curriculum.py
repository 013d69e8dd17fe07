"""Curricula: descriptions, what trials do to the progress, and their files."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from ngym_core.curriculum import Curriculum, Gate, Stage, Staircase, load_curriculum
from ngym_core.errors import UnknownNameError

GATE = Gate("performance", 0.8, window=5)
LEVELS = [51.2, 25.6, 12.8, 6.4]


def follow(curriculum, performances, **columns):
    """The stage and level after each trial, played at the present ones."""
    progress, found = curriculum.begin(), []
    for i, performance in enumerate(performances):
        row = {"performance": [performance], **{name: [column[i]] for name, column in columns.items()}}
        progress = curriculum.advance(progress, row)
        found.append((progress.stage, progress.level))
    return found


# ---- gates ---------------------------------------------------------------------------------------------


def test_gate_opens_with_a_full_window_that_reaches_the_threshold():
    stages = [stage for stage, _ in follow(Curriculum([Stage(until=GATE), Stage()]), [1, 1, 0, 0, 1, 1, 1, 1, 0])]
    assert stages == [0] * 7 + [1, 1]  # the mean of five is 0.8 after the eighth trial


def test_gate_waits_for_at_least_so_many_trials():
    gate = Gate("performance", 0.5, window=2, at_least=6)
    assert [stage for stage, _ in follow(Curriculum([Stage(until=gate), Stage()]), [1] * 8)] == [0] * 5 + [1] * 3


def test_gate_leaves_out_what_is_missing():
    assert Gate("reaction_time", -80).threshold == -80  # of intervals that are produced early
    gate = Gate("reaction_time", 300, window=3, below=True)
    assert gate.is_open([np.nan, 200, 400], 3)
    assert not gate.is_open([np.nan] * 3, 3)


@pytest.mark.parametrize("metric", ["reward", "reaction_time", "steps"])
def test_gate_looks_at_any_metric(metric):
    curriculum = Curriculum([Stage(until=Gate(metric, 10, window=2)), Stage()])
    assert follow(curriculum, [0] * 4, **{metric: [0, 11, 9, 9]}) == [(0, 0), (0, 0), (1, 0), (1, 0)]


def test_gate_that_leads_back_opens_below_its_threshold():
    back = Gate("performance", 0.2, window=5)
    assert (back.below, Stage(back=back).back.below, Stage(until=back).until.below) == (None, True, False)
    curriculum = Curriculum([Stage(until=GATE), Stage(until=Gate("performance", 1, window=50), back=back), Stage()])
    found = [stage for stage, _ in follow(curriculum, [1] * 5 + [0, 1, 0, 0, 0] + [1] * 5)]
    assert found == [0] * 4 + [1] * 5 + [0] * 5 + [1]


def test_window_begins_with_the_stage():
    gates = [Stage(until=GATE), Stage(until=GATE), Stage()]
    assert [stage for stage, _ in follow(Curriculum(gates), [1] * 11)] == [0] * 4 + [1] * 5 + [2] * 2


def test_gate_of_a_whole_day_is_looked_at_when_it_ends():
    gate = Gate("performance", 0.75, window=4, day=4)
    assert [
        stage for stage, _ in follow(Curriculum([Stage(until=gate), Stage()]), [0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0])
    ] == [
        *([0] * 3),
        *([1] * 9),
    ]
    # Yesterday's trials count for no window: the four right ones end on the second day.
    across = [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1]
    assert [stage for stage, _ in follow(Curriculum([Stage(until=gate), Stage()]), across)] == [0] * 15 + [1]


def test_gate_must_be_open_on_so_many_days_in_a_row():
    good, bad = [1, 1, 1, 0], [1, 0, 0, 0]
    curriculum = Curriculum([Stage(until=Gate("performance", 0.75, window=4, day=4, days=2)), Stage()])
    for days, end in (([good, good], 8), ([good, bad, good, good], 16), ([bad, good, bad, good, bad], None)):
        stages = [stage for stage, _ in follow(curriculum, [trial for day in days for trial in day])]
        assert (stages.index(1) + 1 if 1 in stages else None) == end


def test_window_and_least_number_of_trials_lie_within_a_day():
    back = Gate("performance", 0, window=2, at_least=3, day=5)
    curriculum = Curriculum(
        [Stage(until=Gate("performance", 1, window=1)), Stage(until=Gate("steps", 9, window=1), back=back), Stage()]
    )
    rows = {"steps": [1] * 20}
    assert [s for s, _ in follow(curriculum, [1, 0, 0, 1, 1, 0, 0, 0, 0], **rows)] == [1, 1, 1, 1, 1, 1, 1, 1, 0]
    assert [s for s, _ in follow(curriculum, [1, 1, 0, 0], **rows)] == [1, 1, 1, 0]


def test_end_of_a_day_is_not_missed_among_trials_that_end_at_once():
    gate = Gate("performance", 1, window=4, day=4)
    curriculum = Curriculum([Stage(until=gate), Stage(until=gate), Stage()])
    performances = [0, 1, 1, 1, 1, 1, 1, 1, 0]
    progress = curriculum.advance(curriculum.begin(), {"performance": performances})
    assert (progress.stage, progress.trials) == (1, 0)  # the ninth was played at stage 0
    assert curriculum.advance(progress, {"performance": [1.0] * 7}).stage == 2


def test_all_of_several_gates_must_be_open():
    fast_and_right = [Gate("performance", 1, window=2), Gate("reaction_time", 300, window=3, below=True)]
    curriculum = Curriculum([Stage(until=fast_and_right), Stage()])
    times = {"reaction_time": [400, 200, 200, 200, 900, 100, 100, 100]}
    assert [stage for stage, _ in follow(curriculum, [1, 1, 1, 0, 1, 1, 1, 1], **times)] == [0] * 2 + [1] * 6
    assert [stage for stage, _ in follow(curriculum, [1, 1, 0, 1, 1, 1, 1, 1], **times)] == [0] * 7 + [1]
    assert Stage(until=[GATE]) == Stage(until=GATE)


def test_gate_tolerates_rounding():
    assert Gate("performance", 0.7, window=3).is_open(np.array([0.7] * 3), 3)
    assert Gate("reward", 1.0, window=3).is_open([0.9999999999999999, 1, 1], 3)
    assert Gate("reward", 0, window=2, below=True).is_open([0.1 + 0.2, -0.3], 2)
    assert not Gate("reward", 1.0, window=3).is_open([0.999999, 1, 1], 3)


def reminding(**kwargs):
    """Three stages, the second of which leads back to the first, as a reminder."""
    again = Gate("performance", 0.5, window=4)
    back = Gate("performance", 0.25, window=4)
    stage = Stage(until=Gate("performance", 1, window=6, at_least=12), back=back)
    return Curriculum([Stage(until=Gate("performance", 1, window=3), again=again), stage, Stage()], **kwargs)


def test_reminder_ends_by_a_gate_of_its_own_and_trials_count_on():
    performances = [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    found = [stage for stage, _ in follow(reminding(), performances)]
    # Back after 1 0 0 0; forward after 0 0 1 1; after twelve trials, with those of the reminder, the last six are right.
    assert found == [0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 2]
    never_back = [stage for stage, _ in follow(reminding(), [0, 1, 1, 0, 1, 1])]
    assert never_back == [0] * 6  # no reminder, whose gate would have been open


def test_reminder_does_not_end_by_the_gate_of_its_stage():
    first = Stage(until=Gate("performance", 0.6, window=3), again=Gate("performance", 1.0, window=6))
    middle = Stage(back=Gate("performance", 0.0, window=3), until=Gate("performance", 1.0, window=50))
    curriculum, found = Curriculum([first, middle, Stage()]), []
    progress = curriculum.begin()
    for right in (1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1):
        progress = curriculum.advance(progress, {"performance": [right]})
        found.append((progress.stage, progress.trials))
    assert found == [(0, 1), (0, 2), *[(1, i) for i in range(3)], *[(0, i) for i in range(3, 9)], (1, 9)]


def test_stage_that_is_gone_back_to_without_a_gate_for_it_begins_anew():
    first = Stage(until=Gate("performance", 1, window=3))
    curriculum = Curriculum([first, *reminding().stages[1:]])
    found = [stage for stage, _ in follow(curriculum, [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1])]
    assert found == [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1]


def test_bad_trials_lead_back_even_where_the_gate_to_the_next_stage_is_open():
    middle = Stage(until=Gate("performance", 0.5, window=4), back=Gate("performance", 0, window=2))
    curriculum = Curriculum([Stage(until=Gate("performance", 1, window=1)), middle, Stage()])
    assert [stage for stage, _ in follow(curriculum, [1, 1, 1, 0, 0])] == [1, 1, 1, 1, 0]


# ---- staircases ----------------------------------------------------------------------------------------


def by_hand(right, down, up, levels, start):
    """Levels of a staircase after each answer, answer by answer."""
    level, streak, found = start, 0, []
    for answer in right:
        streak = max(streak, 0) + 1 if answer else min(streak, 0) - 1
        if streak == down or streak == -up:
            level, streak = min(max(level + (1 if answer else -1), 0), levels - 1), 0
        found.append(level)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_staircase_goes_down_and_up_after_answers_in_a_row(seed):
    rng = np.random.default_rng(seed)
    down, up, start = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(4))
    right = rng.random(200) < 0.7
    curriculum = Curriculum([Stage(staircase=Staircase("conditions.coh", LEVELS, down, up, start))])
    assert [level for _, level in follow(curriculum, right)] == by_hand(right, down, up, 4, start)
    # Several answers at once move it as one after another do, up to the first move.
    staircase, streak = curriculum.stages[0].staircase, int(rng.integers(1 - up, down))
    for part in np.array_split(right, 40):
        one, s = start, streak
        for answer in part:
            before = (one, s)
            one, s = staircase.advance(one, s, [answer])
            if s == 0:
                break
        else:
            before = None
        assert staircase.advance(start, streak, part) == (one, s), before


def test_staircase_of_three_down_one_up_converges_to_79_4_percent():
    levels = np.linspace(4, 0, 81)
    curriculum = Curriculum([Stage(staircase=Staircase("parameters.sigma", levels.tolist(), down=3, up=1, start=10))])
    share = []
    for seed in range(8):
        rng, progress, right = np.random.default_rng(seed), curriculum.begin(), []
        for _ in range(3000):
            p = 1 - 0.5 * np.exp(-((curriculum.level(progress) / 1.5) ** 2))  # an observer that guesses among two
            right.append(rng.random() < p)
            progress = curriculum.advance(progress, {"performance": [float(right[-1])]})
        share.append(np.mean(right[500:]))
    assert abs(np.mean(share) - 0.794) < 0.015, np.mean(share)


def test_trials_count_for_the_stage_and_level_that_they_were_played_at():
    curriculum = Curriculum([Stage(until=GATE), Stage(staircase=Staircase("conditions.coh", LEVELS))])
    before = curriculum.enter(1)
    late = {"performance": [1.0] * 9, "stage": [0] * 9, "level": [np.nan] * 9}
    assert curriculum.advance(before, late) is before
    mixed = {"performance": [1.0] * 6, "stage": [1] * 6, "level": [25.6, 51.2, 25.6, 51.2, 25.6, 25.6]}
    after = curriculum.advance(before, mixed)
    assert (after.level, after.streak, after.trials) == (0, 2, 6)


def test_gate_looks_at_the_level_of_a_staircase():
    staircase = Staircase("conditions.coh", LEVELS, down=1)
    curriculum = Curriculum([Stage(staircase=staircase, until=Gate("level", 10, window=2, below=True)), Stage()])
    assert follow(curriculum, [1] * 6) == [(0, 1), (0, 2), (0, 3), (1, 0), (1, 0), (1, 0)]


def test_arrays_and_ranges_of_conditions_are_lists():
    stage = Stage(conditions={"coh": np.array([6.4, 12.8]), "ground_truth": range(2), "seed": np.int64(3)})
    assert stage.conditions == {"coh": [6.4, 12.8], "ground_truth": [0, 1], "seed": 3}
    assert json.loads(json.dumps(Curriculum([stage]).to_dict())) == Curriculum([stage]).to_dict()


# ---- wrong trials --------------------------------------------------------------------------------------

LEADING = Curriculum([Stage(until=Gate("performance", 0.5, window=2)), Stage()])


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ({"perf": [1.0, 1.0]}, UnknownNameError, "Unknown metric of these trials, which a gate needs: 'performance'"),
        ({"perf": 1.0}, UnknownNameError, "which a gate needs: 'performance'"),
        ({"performance": 1.0}, TypeError, "performance=1.0 must be a sequence of numbers"),
        ({"performance": [[1.0, 1.0]]}, ValueError, r"performance=\[\[1.0, 1.0\]\] must be a sequence of numbers"),
        ({"performance": ["a"]}, TypeError, r"performance=\['a'\] must be a sequence of numbers"),
        ({"performance": [0.5, 85]}, ValueError, "performance=85.0 must be a number from 0 to 1"),
        ({"performance": [0.5], "correct": [-1]}, ValueError, "correct=-1.0 must be a number from 0 to 1"),
        (
            {"performance": [1, 1], "stage": [0]},
            ValueError,
            "of the same length.*not {'performance': 2, 'stage': 1}",
        ),
    ],
)
def test_wrong_trials_are_refused(rows, kind, message):
    with pytest.raises(kind, match=message):
        LEADING.advance(LEADING.begin(), rows)


def test_trials_may_lack_values_and_have_any_other_column():
    rows = {"name": ["a", "b"], "performance": [1.0, np.nan]}
    assert LEADING.advance(LEADING.begin(), rows).stage == 1
    assert LEADING.advance(LEADING.begin(), {}).trials == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Curriculum([Stage(until=GATE), Stage(until=GATE), Stage()]).enter(2), "it has stage 2 of 2"),
        (Curriculum([Stage(staircase=Staircase("conditions.coh", LEVELS, start=3))]).begin(), "it has level 3 in stage 0"),
        (
            Curriculum([Stage(until=Gate("steps", 1, window=2)), Stage()]).begin(),
            r"it has scores \['level', .*'steps'\]",
        ),
        (Curriculum([Stage(until=GATE), Stage()]).begin(), r"it has scores of .*5.* trials; expected 2"),
    ],
)
def test_progress_of_another_curriculum_is_refused(other, message):
    with pytest.raises(ValueError, match=f"This progress is that of another curriculum: {message}"):
        LEADING.advance(other, {"performance": [1.0]})


# ---- wrong descriptions --------------------------------------------------------------------------------

PAID = Curriculum([Stage(until=Gate("reward", 1)), Stage()])
WRONG = [
    (
        lambda: Gate("performence", 0.8),
        UnknownNameError,
        "Unknown metric of a gate 'performence'. Did you mean 'performance'",
    ),
    (
        lambda: Stage(until=Gate("performance", 1.2)),
        ValueError,
        "threshold=1.2: this gate can never open, since performance",
    ),
    (lambda: Stage(back=Gate("correct", -0.1)), ValueError, "threshold=-0.1: this gate can never open, since correct is"),
    (lambda: Gate("performance", 1.2, below=False), ValueError, "can never open"),
    (
        lambda: Gate("steps", -1, below=True),
        ValueError,
        "threshold=-1: this gate can never open, since steps is a",
    ),
    (lambda: Gate("steps", 0.5, below=True), ValueError, "threshold=0.5: this gate can never open, since steps is a number"),
    (lambda: Stage(conditions={"coh": []}), ValueError, r"conditions\['coh'\]=\[\] must be a value, or a list of some"),
    (lambda: Stage(conditions={"coh": ()}), ValueError, r"conditions\['coh'\]=\(\) must be a value, or a list of some"),
    (lambda: Stage(conditions={"coh": np.array([])}), ValueError, r"conditions\['coh'\]=\[\] must be a value, or a list"),
    (lambda: Gate("reward", np.nan), ValueError, "threshold=nan must be a finite number"),
    (lambda: Gate("reward", 1, window=0), ValueError, "window=0 must be an integer from 1"),
    (lambda: Stage(until=Gate("level", 3)), ValueError, "can never open, since its stage has no staircase"),
    (
        lambda: Stage(staircase=Staircase("conditions.coh", LEVELS), until=Gate("level", 60)),
        ValueError,
        "threshold=60: this gate can never open, since the levels go from 6.4 to 51.2",
    ),
    (lambda: Staircase("coh", LEVELS), ValueError, "path='coh' must be 'conditions.<name>', 'parameters.<name>' or"),
    (lambda: Staircase("conditions.coh", [1.0]), ValueError, r"levels=\[1.0\] must be two or more different numbers"),
    (lambda: Staircase("conditions.coh", LEVELS, start=4), ValueError, "start=4 must be an index of one of the 4 levels"),
    (lambda: Staircase("conditions.coh", LEVELS, down=0), ValueError, "down=0 must be an integer from 1"),
    (lambda: Stage({"timing": 5}), TypeError, r"parameters\['timing'\]=5 must be a dictionary of some of its values"),
    (lambda: Gate("reward", 1, days=2), ValueError, "days=2 needs `day`, the number of trials in one"),
    (lambda: Gate("reward", 1, day=50), ValueError, "day=50: this gate can never open, since it needs 100 trials of a day"),
    (lambda: Gate("reward", 1, 5, at_least=60, day=50), ValueError, "day=50: .*, since it needs 60 trials of a day"),
    (lambda: Gate("reward", 1, day=0), ValueError, "day=0 must be an integer from 1"),
    (lambda: Gate("reward", 1, day=100, days=0), ValueError, "days=0 must be an integer from 1"),
    (lambda: Stage(until=0.8), TypeError, "until=0.8 must be a Gate, a list of gates, or None"),
    (lambda: Stage(until=[GATE, 0.8]), TypeError, "until=.*0.8.* must be a Gate, a list of gates, or None"),
    (lambda: Stage(until=[]), TypeError, r"until=\[\] must be a Gate, a list of gates, or None"),
    (
        lambda: Curriculum([Stage(until=GATE), Stage(again=GATE)]),
        ValueError,
        "Stage 1 has a gate `again`, but no stage after",
    ),
    (lambda: Curriculum([Stage(until=GATE, again=GATE), Stage()]), ValueError, "Stage 0 has a gate `again`, but no stage"),
    (lambda: Curriculum([]), ValueError, "must be a list of one or more stages"),
    (lambda: Curriculum([{}]), TypeError, r"must be a list of Stage\(...\)"),
    (lambda: Curriculum([Stage(), Stage()]), ValueError, "Stage 0 has no gate `until`, so that the stages after it"),
    (lambda: Curriculum([Stage(until=GATE)]), ValueError, "Stage 0 is the last one and has a gate `until`"),
    (lambda: Curriculum([Stage(back=GATE)]), ValueError, "Stage 0 is the first one and has a gate `back`"),
    (lambda: Curriculum([Stage()], pooled="yes"), TypeError, "pooled='yes' must be True or False"),
    (
        lambda: Curriculum.from_dict({"stages": [{}, {"untill": 1}]}),
        UnknownNameError,
        "Stage 1: Unknown key of a stage 'untill'",
    ),
    (lambda: Curriculum.from_dict({"stages": [5]}), TypeError, "Stage 0: A stage must be a table of its arguments, not 5"),
    (lambda: Curriculum.from_dict({}), TypeError, "A curriculum needs 'stages'"),
    (lambda: Curriculum.from_dict({"stages": {}}), TypeError, "^stages must be a list, in a file a table"),
    (lambda: Curriculum.from_dict({"stages": [{}, {}]}), ValueError, "^Stage 0 has no gate `until`"),
    (
        lambda: PAID.advance(PAID.begin(), {"performance": [1.0]}),
        UnknownNameError,
        "Unknown metric of these trials, which a gate needs: 'reward'",
    ),
]


@pytest.mark.parametrize(("make", "kind", "message"), WRONG)
def test_wrong_description_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


# ---- files ---------------------------------------------------------------------------------------------

TEXT = """\
# Teach the delay.
pooled = false

[[stages]]
parameters.timing.delay = 0  # none
conditions = {coh = [25.6, 51.2]}
until = {metric = "performance", threshold = 0.8, window = 50}

[[stages]]
back = {metric = "performance", threshold = 0.4}
[stages.parameters]
sigma = 0.5
timing.delay = 500
[stages.staircase]
path = "parameters.timing.delay"
levels = [
  100,
  200,
]
down = 2
[stages.until]
metric = "level"
threshold = 150

[[stages]]
"""


def written(folder, text=TEXT):
    path = folder / "delay.toml"
    path.write_text(text)
    return path


def test_file_says_what_python_does(tmp_path):
    loaded = load_curriculum(written(tmp_path))
    assert loaded == Curriculum(
        [
            Stage({"timing": {"delay": 0}}, {"coh": [25.6, 51.2]}, until=Gate("performance", 0.8, window=50)),
            Stage(
                {"sigma": 0.5, "timing": {"delay": 500}},
                back=Gate("performance", 0.4),
                until=Gate("level", 150),
                staircase=Staircase("parameters.timing.delay", [100, 200], down=2),
            ),
            Stage(),
        ],
        pooled=False,
    )
    assert Curriculum.from_dict(loaded.to_dict()) == pickle.loads(pickle.dumps(loaded)) == copy.deepcopy(loaded) == loaded


MORE = """\
[[stages]]
until = {metric = "performance", threshold = 0.8, window = 300, day = 300, days = 2}
again = {metric = "performance", threshold = 0.7, window = 20}

[[stages]]
back = {metric = "performance", threshold = 0.5, window = 20}
until = [
  {metric = "performance", threshold = 0.9},
  {metric = "level", threshold = 6.4, window = 1, below = true},
]
staircase = {path = "conditions.coh", levels = [51.2, 6.4]}

[[stages]]
until = [{metric = "steps", threshold = 9},
  {metric = "performance", threshold = 0.7}]

[[stages]]
[[stages.until]]
metric = "performance"
threshold = 0.9
[[stages.until]]
metric = "reaction_time"
threshold = 400
below = true

[[stages]]
"""


def test_file_with_days_reminders_and_several_gates_says_what_python_does(tmp_path):
    loaded = load_curriculum(written(tmp_path, MORE))
    performance = Gate("performance", 0.9)
    assert loaded == Curriculum(
        [
            Stage(until=Gate("performance", 0.8, window=300, day=300, days=2), again=Gate("performance", 0.7, window=20)),
            Stage(
                back=Gate("performance", 0.5, window=20),
                until=[performance, Gate("level", 6.4, window=1, below=True)],
                staircase=Staircase("conditions.coh", [51.2, 6.4]),
            ),
            Stage(until=[Gate("steps", 9), Gate("performance", 0.7)]),
            Stage(until=(performance, Gate("reaction_time", 400, below=True))),
            Stage(),
        ]
    )
    assert Curriculum.from_dict(loaded.to_dict()) == pickle.loads(pickle.dumps(loaded)) == copy.deepcopy(loaded) == loaded
    assert json.loads(json.dumps(loaded.to_dict())) == loaded.to_dict()


def assert_refused(path, line, message):
    """Load a curriculum whose file has a mistake: the error names its line."""
    with pytest.raises((TypeError, ValueError, KeyError)) as caught:
        load_curriculum(path)
    assert str(caught.value).startswith(f"{path}, line {line}: "), caught.value
    assert message in str(caught.value)


MORE_MISTAKES = [
    ("days = 2", "dais = 2", 2, "Unknown key of a gate 'dais'. Did you mean 'days'?"),
    ("day = 300", "day = 200", 2, "day=200: this gate can never open, since it needs 300 trials of a day"),
    ("again =", "agian =", 3, "Unknown key of a stage 'agian'. Did you mean 'again'?"),
    ('"level"', '"levle"', 9, "Unknown metric of a gate 'levle'. Did you mean 'level'?"),
    ("window = 1,", "windw = 1,", 9, "Unknown key of a gate 'windw'. Did you mean 'window'?"),
    ('"steps"', '"step"', 14, "Unknown metric of a gate 'step'. Did you mean 'steps'?"),
    ("threshold = 0.7}]", "treshold = 0.7}]", 15, "Unknown key of a gate 'treshold'. Did you mean 'threshold'?"),
    ('"performance", threshold = 0.7}]', '"perfomance", threshold = 0.7}]', 15, "Did you mean 'performance'?"),
    ("threshold = 0.9\n", "threshold = 1.9\n", 20, "threshold=1.9: this gate can never open"),
    ("below = true\n\n", "below = 3\n\n", 24, "below=3 must be"),
    ("threshold = 400\n", "treshold = 400\n", 23, "Unknown key of a gate 'treshold'. Did you mean 'threshold'?"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "message"), MORE_MISTAKES)
def test_mistake_in_one_of_several_gates_is_named_with_its_line(tmp_path, right, wrong, line, message):
    assert MORE.count(right) == 1
    assert_refused(written(tmp_path, MORE.replace(right, wrong)), line, message)


MISTAKES = [
    ("pooled = false", "poled = false", 2, "Unknown key of a curriculum 'poled'. Did you mean 'pooled'?"),
    ("pooled = false", "pooled = 3", 2, "pooled=3 must be True or False"),
    ("conditions =", "condition =", 6, "Unknown key of a stage 'condition'. Did you mean 'conditions'?"),
    ("window = 50", "windw = 50", 7, "Unknown key of a gate 'windw'. Did you mean 'window'?"),
    ("window = 50", "window = 0", 7, "window=0 must be an integer from 1"),
    ('metric = "performance", threshold = 0.8', "threshold = 0.8", 7, "A gate needs 'metric'."),
    (
        'metric = "performance", threshold = 0.4',
        'metric = "preformance", threshold = 0.4',
        10,
        "Did you mean 'performance'?",
    ),
    ("[stages.staircase]", "[stages.stairs]", 14, "Unknown key of a stage 'stairs'. Did you mean 'staircase'?"),
    ("  200,", '  "long",', 16, "levels=[100, 'long'] must be a sequence of one or more finite numbers"),
    ("down = 2", "donw = 2", 20, "Unknown key of a staircase 'donw'. Did you mean 'down'?"),
    ("threshold = 150", "threshold = 250", 23, "can never open, since the levels go from 100 to 200"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "message"), MISTAKES)
def test_mistake_in_a_file_is_named_with_its_line(tmp_path, right, wrong, line, message):
    assert right in TEXT
    assert_refused(written(tmp_path, TEXT.replace(right, wrong)), line, message)


UNTIL = 'until = {metric = "performance", threshold = 0.8}\n'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"[[stages]]\n{UNTIL}[[stages]]\n[[stages]]\n{UNTIL}", 3, "Stage 1 has no gate `until`"),
        (f"[[stages]]\n{UNTIL}\n[[stages]]\n{UNTIL}", 5, "Stage 1 is the last one and has a gate `until`"),
        (f"[[stages]]\n{UNTIL}back = {{metric = 'reward', threshold = 0}}\n[[stages]]\n", 3, "Stage 0 is the first one"),
        (f"[[stages]]\n{UNTIL}again = {{metric = 'reward', threshold = 0}}\n[[stages]]\n", 3, "Stage 0 has a gate `again`"),
        ("[[stages]]\nuntil = {metric = 'performance', threshold = 1.8}\n[[stages]]\n", 2, "threshold=1.8: this gate can"),
        (
            f"[[stages]]\n{UNTIL}[[stages]]\nback = {{metric = 'correct', threshold = -1}}\n",
            4,
            "threshold=-1: this gate can",
        ),
        ("[[stages]]\nconditions.seed = 3\nconditions.coh = []\n", 3, "conditions['coh']=[] must be a value"),
        ("[[stages]]\n[stages.parameters]\nsigma = 1\ntiming = 5\n", 4, "parameters['timing']=5 must be a dictionary"),
        (
            "# one\n[stages]\nconditions.coh = 3\n",
            2,
            "stages must be a list, in a file a table [[stages]] for each",
        ),
    ],
)
def test_mistake_that_parts_show_together_is_named_with_its_line(tmp_path, text, line, message):
    assert_refused(written(tmp_path, text), line, message)


def test_mistake_in_the_name_of_the_stages_is_named_with_its_line(tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"delay\.toml, line 4: Unknown key of a curriculum 'stage'. Did you mean 'stages'"
    ):
        load_curriculum(written(tmp_path, TEXT.replace("[[stages]]", "[[stage]]").replace("[stages.", "[stage.")))


def test_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path=.*missing\.toml': there is no such curriculum file"):
        load_curriculum(tmp_path / "missing.toml")
    with pytest.raises(ValueError, match=r"delay\.toml is no TOML: .*line 2"):
        load_curriculum(written(tmp_path, "\nstages = = 3"))
