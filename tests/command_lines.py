"""Command lines that `ngym` must refuse, for the tests of all commands that name a task."""

from __future__ import annotations

TASK = "perceptualdecisionmaking-V0"
"""A task that exists; any case is taken."""
NO_SUCH_OPTION = "No such option"
"""What an error says of an unknown option; how it goes on differs between versions of click."""

WRONG_TASKS = [
    ("Nothing", "Unknown task 'Nothing'. Valid: 'AngleReproduction-v0', "),
    ("", "Unknown task ''. Valid: "),
    ("GoNogoo", "Unknown task 'GoNogoo'. Did you mean 'GoNogo-v0'"),
    ("gonogo-v1", "Unknown task 'gonogo-v1'. Did you mean 'GoNogo-v0'"),
    ("yang91", "Unknown task 'yang91'. Did you mean 'yang19'"),
    ("yang19.goo", "Did you mean 'yang19.go-v0'"),
    ("yang19.go+antt", "Unknown modifier 'antt'. Did you mean 'anti'?"),
    ("yang19.go+delay=x", "delay"),
    ("yang19+anti", "'yang19' is a collection, no task: name one of its tasks, such as 'yang19.go-v0'."),
    ("passreward", "'passreward' is no task: 'PassReward-v0' is a wrapper, which is put around one."),
]
"""Names of tasks that there are not, and what the error says."""

WRONG_CHANGES = [
    (["--set", "simga=1"], "unexpected keyword argument 'simga'. Did you mean 'sigma'?"),
    (["--set", "sigma"], "Invalid value for '--set': 'sigma' must be NAME=VALUE."),
    (["--set", ""], "Invalid value for '--set': '' must be NAME=VALUE."),
    (["--set", "=1"], "Invalid value for '--set': '=1' must be NAME=VALUE."),
    (["--set", "sigma=[1"], "sigma=[1 is no TOML value, such as 500, 0.5, true"),
    (["--set", "sigma=2026-11-27"], "sigma=2026-11-27 is no TOML value"),
    (["--set", "sigma=high"], "sigma='high' must be a finite number from 0."),
    (["--set", "sigma=true"], "sigma=True must be a finite number from 0."),
    (["--set", "sigma=nan"], "sigma=nan must be a finite number from 0."),
    (["--set", "sigma=-1"], "sigma=-1 must be a finite number from 0."),
    (["--set", "sigma.x=1"], "sigma={'x': 1} must be a finite number from 0."),
    (["--set", "sigma=1", "--set", "sigma=2"], "'sigma' is given twice."),
    (["--set", "cohs=[]"], "cohs=[] must be a sequence of one or more finite numbers"),
    (["--set", "wrappers=[]"], "'wrappers' is no parameter of a task; --wrapper is for it."),
    (["--set", "dt=0"], "dt=0 must be a finite number of ms above 0."),
    (["--set", "dt=inf"], "dt=inf must be a finite number of ms above 0."),
    (["--set", "dt=1000000"], "PerceptualDecisionMaking"),
    (["--set", "timing=5"], "timing=5 must be a dictionary, period -> duration in ms"),
    (["--set", "timing.stimlus=500"], "Unknown timing key 'stimlus'. Did you mean 'stimulus'?"),
    (["--set", "timing.stimulus=-5"], "timing['stimulus']=-5 must be a finite number of ms from 0."),
    (["--set", "timing.stimulus=soon"], "timing['stimulus']='soon' must be a number of ms, a sequence"),
    (["--set", "rewards.corect=1"], "Unknown reward key 'corect'. Did you mean 'correct'?"),
    (["--set", "rewards.correct=much"], "rewards['correct']='much' must be a finite number."),
    (["--wrapper", "PasReward"], "Unknown wrapper 'PasReward'. Did you mean 'PassReward-v0'?"),
    (["--wrapper", ""], "Unknown wrapper ''. Valid: "),
    (["--wrapper", "Noise:{"], "'Noise:{' must be NAME or NAME:JSON"),
    (["--wrapper", "Noise:[1]"], 'such as Noise:{"std_noise": 0.2}.'),
    (["--wrapper", 'Noise:{"std_nose": 1}'], "unexpected keyword argument 'std_nose'. Did you mean 'std_noise'"),
    (["--wrapper", 'Noise:{"std_noise": "a"}'], "std_noise='a' must be a finite number from 0."),
    (["--wrapper", 'Noise:{"std_noise": NaN}'], "std_noise=nan must be a finite number from 0."),
    (["--condition", "choh=1"], "Unknown condition of <PerceptualDecisionMaking> 'choh'. Did you mean 'coh'?"),
    (["--condition", "coh"], "Invalid value for '--condition': 'coh' must be NAME=VALUE."),
    (["--condition", "coh=high"], "The condition 'coh' is forced to 'high', which is not a number."),
    (["--condition", "coh=true"], "The condition 'coh' is forced to True, which is not a number."),
    (["--condition", "coh=nan"], "The condition 'coh' is forced to nan, which is not finite."),
    (["--condition", "coh=[]"], "The condition 'coh' is fixed to one of no values; give at least one."),
    (["--condition", "ground_truth=2"], "The condition 'ground_truth' is forced to 2. Valid: '0', '1'."),
    (["--sett", "sigma=1"], NO_SUCH_OPTION),
    (["--wraper", "Noise"], NO_SUCH_OPTION),
]
"""Options of all commands that change a task, and what the error says of `TASK`; each is an error of usage."""

WRONG_WORDS = [
    ([], 2, "Missing argument 'TASK'."),
    *(([name], 2, message) for name, message in WRONG_TASKS),
    *(([TASK, *options], 2, message) for options, message in WRONG_CHANGES),
    ([TASK, "GoNogo"], 2, "Got unexpected extra argument (GoNogo)"),
]
"""Words of all commands that take one task and change it, the exit code, and what the error says."""
