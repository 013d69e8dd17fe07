"""Sessions: lint, types, tests (each package alone, all together), pack, quick, lowest, engines, faults, fuzz,
statistics, demo, learn, certify, docs, bench, release.

Plain `nox` runs the first four: the tests of each package run once, from wheels and outside the repository. `nox -s quick`
is for work in progress: lint, types, and a representative part of the tests, in place. `nox -s lowest` tests the lowest
versions that the packages declare.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.sessions = ["lint", "types", "tests", "pack"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True

PACKAGES = {"core": ["core"], "data": ["core", "data"], "plot": ["core", "plot"], "sb3": ["core", "sb3"]}
ALL = ["core", "data", "plot", "sb3"]
TOGETHER = [
    "tests/test_api.py",
    "tests/test_architecture.py",
    "tests/test_examples.py",
    "tests/test_certificates.py",
    "tests/test_films.py",
    "tests/test_layers.py",
    "tests/test_readme.py",
    "tests/core/test_networks.py",
    "tests/data/torch",
    "tests/docs/test_blocks.py",
    "tests/docs/test_generate.py",
    "tests/release",
]
QUICK = [
    *(
        "tests/core/trials",
        "tests/core/plugins",
        "tests/core/test_env.py",
        "tests/core/test_rules.py",
        "tests/core/test_random.py",
        "tests/core/test_plain_data.py",
        "tests/core/test_changes.py",
    ),
    *(
        "tests/core/vector/test_prefetch.py",
        "tests/core/vector/test_backends.py",
        "tests/core/wrappers",
        "tests/core/test_examples.py",
    ),
    *("tests/core/test_golden.py", "tests/data/test_buffers.py", "tests/data/test_chunks.py", "tests/data/test_export.py"),
    *(
        "tests/plot/test_trial.py",
        "tests/plot/test_psychometric.py",
        "tests/plot/test_stats.py",
        "tests/sb3/test_vec_env.py",
    ),
    *("tests/sb3/test_config.py", "tests/test_api.py", "tests/test_architecture.py", "tests/test_layers.py"),
]
ENGINES = {  # what each engine is installed from, and the files of tests/engines that need it
    "rllib": (["ray[rllib]"], ["rllib"]),
    "torchrl": (["torchrl"], ["torchrl"]),
    "skrl": (["skrl"], ["skrl"]),
    "lightning": (["lightning"], ["lightning", "distributed"]),
    "cleanrl_style": ([], ["cleanrl_style", "vector_envs"]),
    # The sdist of `pufferlib` does not build, and its wheel asks for another torch, which is gigabytes: hence without it.
    "pufferlib": (["psutil", "nvidia-ml-py", "rich", "rich-argparse", "setuptools", "pyro-ppl"], ["pufferlib"]),
    "minari": (["minari[create,hdf5]", "pillow"], ["minari"]),
    "tianshou": (["tianshou"], ["tianshou"]),
}
RELEASED_FOR = ["3.11", "3.12", "3.13", "3.14"]
TWO_AT_A_TIME = ("-n", "2", "--dist", "worksteal", "-m", "not statistics")
# PIP_NO_COMPILE is pip's `--no-compile`, which 0 switches on: compiling torch takes longer than installing it.
ENV = {"MPLBACKEND": "Agg", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "0"}


def install(session: nox.Session, *packages: str, extra: tuple[str, ...] = ()) -> None:
    """Install packages of this repository, in place, with what they declare and nothing else."""
    session.env.update(ENV)
    if "sb3" in packages:
        session.install("-c", "constraints.txt", "torch")
    paths = [part for package in packages for part in ("-e", f"packages/ngym-{package}")]
    session.install("-c", "constraints.txt", *paths, *extra)


def run_tests(session: nox.Session, *paths: str) -> None:
    """Run tests, two at a time, each with one thread: more would wait for each other."""
    session.run("python", "-m", "pytest", *TWO_AT_A_TIME, *paths, *session.posargs, env={"OMP_NUM_THREADS": "1"})


def groups(*names: str) -> tuple[str, ...]:
    """Give the tools of a group in pyproject.toml."""
    return tuple(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *names))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.env.update(ENV)
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on all sources."""
    install(session, *ALL, extra=groups("types"))
    session.run("mypy", *[f"packages/ngym-{package}/src" for package in ALL])


@nox.session
@nox.parametrize("package", [*PACKAGES, "all"])
def tests(session: nox.Session, package: str) -> None:
    """The tests of one package from wheels, with its own dependencies only; or those of the four packages together."""
    if package == "all":
        install(session, *ALL, extra=(*groups("test"), "moviepy>=2"))
        run_tests(session, *TOGETHER)
        return
    session.env.update(ENV)
    session.install("build", *groups("test"))  # of which hatchling builds
    folder = Path(session.create_tmp()).resolve()
    for old in ("dist", "outside"):
        shutil.rmtree(folder / old, ignore_errors=True)
    build = ("python", "-m", "build", "--no-isolation", "--wheel", "-o", str(folder / "dist"))
    for name in PACKAGES[package]:
        session.run(*build, f"packages/ngym-{name}", silent=True)
    if package == "sb3":
        session.install("-c", "constraints.txt", "torch")
    built = sorted(map(str, (folder / "dist").glob("*.whl")))
    session.install("-c", "constraints.txt", "--force-reinstall", "--no-deps", *built)
    session.install("-c", "constraints.txt", *built)
    outside = folder / "outside"
    shutil.copytree("tests", outside / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("pyproject.toml", outside)
    session.chdir(outside)
    run_tests(session, f"tests/{package}")


@nox.session
def pack(session: nox.Session) -> None:
    """What `ngym new-pack` writes passes its own nox as it comes."""
    install(session, "core", extra=("nox",))
    folder = Path(session.create_tmp()).resolve() / "demo_pack"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("ngym", "new-pack", "demo_pack", "--out", str(folder))
    session.run("python", "-m", "nox", "-f", str(folder / "noxfile.py"))


@nox.session
def quick(session: nox.Session) -> None:
    """Lint, types and a representative part of the tests of all packages, in place, two at a time."""
    install(session, *ALL, extra=groups("lint", "types", "test"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", *[f"packages/ngym-{package}/src" for package in ALL])
    run_tests(session, *QUICK)


def lowest_versions(package: str) -> list[str]:
    """Give the direct dependencies of a package in the lowest versions that it declares, and this version of core."""
    declared = {name: nox.project.load_toml(f"packages/ngym-{name}/pyproject.toml")["project"] for name in PACKAGES[package]}
    pins = []
    for requirement in map(Requirement, declared[package]["dependencies"]):
        (bound,) = (part.version for part in requirement.specifier if part.operator == ">=")
        if requirement.name == "ngym-core":
            # Nothing older than this core exists that could be tested, so nothing older may be promised.
            assert bound == declared["core"]["version"], f"ngym-{package} must ask for this ngym-core, not {bound}"
        elif requirement.name != "torch":  # constraints.txt has the only torch that can be tested here
            pins.append(f"{requirement.name}=={bound}")
    return pins


@nox.session(python="3.11")
@nox.parametrize("package", list(PACKAGES))
def lowest(session: nox.Session, package: str) -> None:
    """The tests of one package with the lowest versions that it declares: of core the part in QUICK, of others all."""
    session.env.update(ENV)
    if package == "sb3":
        session.install("-c", "constraints.txt", "torch")
    paths = [part for name in PACKAGES[package] for part in ("-e", f"packages/ngym-{name}")]
    session.install("-c", "constraints.txt", *paths, *lowest_versions(package), *groups("test"))
    core_tests = [path for path in QUICK if path.startswith("tests/core/")]
    # This image is compared with what matplotlib 3.11 draws: older versions resample images otherwise.
    other = "tests/plot/test_baseline.py::test_figure_matches_its_baseline_image[trial_images]"
    tests = core_tests if package == "core" else [f"tests/{package}", "--deselect", other]
    run_tests(session, *tests)


@nox.session
def statistics(session: nox.Session) -> None:
    """Whether the intervals of psychometric fits cover the truth, over hundreds of simulated observers (some minutes)."""
    install(session, "core", "plot", extra=groups("test"))
    session.run("python", "-m", "pytest", "-n", "2", "-m", "statistics", "tests/plot", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Train an agent, test it and draw what it does, into demo-output/."""
    install(session, *ALL)
    session.run("python", "examples/demo.py")


@nox.session
def learn(session: nox.Session) -> None:
    """Train the agents of tests/sb3/learnability.py with three seeds, and print what they reached."""
    install(session, "core", "sb3")
    session.run("python", "tests/sb3/learnability.py", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def certify(session: nox.Session) -> None:
    """Renew the certificates that are not current (or of the tasks named), and their page; goes on where it stopped."""
    install(session, *ALL)
    file, page = "packages/ngym-core/src/ngym_core/certificates.json", "docs/certificates.md"
    tasks = session.posargs or ["--all"]
    # 1: a recipe misses its criterion, which the page then says
    session.run("ngym", "certify", *tasks, "--workers", "2", "--out", file, success_codes=[0, 1])
    write = f"Path('{page}').write_text(certificates.as_markdown(certificates.load_certificates('{file}')))"
    session.run("python", "-c", f"from pathlib import Path; from ngym_core import certificates; {write}")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into docs-output/ (tutorials are run), and look at it in a browser; needs Chromium for the latter."""
    install(session, *ALL, extra=groups("test", "docs"))
    shutil.rmtree("docs-output", ignore_errors=True)
    options = ["-W", "--keep-going", "-q", "-E", "-d", str(Path(session.create_tmp()).resolve() / "doctrees")]
    env = {"OMP_NUM_THREADS": "1"}
    session.run("python", "-m", "docs.generate", env=env)
    session.run("python", "-m", "sphinx", *options, "docs", "docs-output", env=env)
    session.run("python", "-m", "pytest", "tests/docs", *session.posargs)


@nox.session
@nox.parametrize("engine", list(ENGINES))
def engines(session: nox.Session, engine: str) -> None:
    """Train with one RL engine, as in examples/engines, and hand it infos; prints what was reached and how long it took."""
    requirements, tests = ENGINES[engine]
    session.env.update(ENV)
    session.install("-c", "constraints.txt", "torch")
    if engine == "pufferlib":
        session.install("--no-deps", "pufferlib-core")
    packages = ["-e", "packages/ngym-core", "-e", "packages/ngym-data"]
    session.install("-c", "constraints.txt", *packages, *requirements, *groups("test"))
    paths = [f"tests/engines/test_{name}.py" for name in tests]
    options = ["-o", "filterwarnings=default", "--disable-warnings"]  # engines warn of themselves
    session.run("python", "-m", "pytest", *options, *paths, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Call every public callable with one bad argument at a time; options: --minutes, --seed."""
    install(session, *ALL)
    session.run("python", "-m", "tests.fuzz.fuzzer", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure how fast things are beside NeuroGym and braintools, in environments of their own; writes bench-output/."""
    install(session, *ALL)
    others = {}
    for name, packages in {
        "neurogym": ["torch==2.13.0", "neurogym[rl]==2.3.1"],
        "braintools": ["braintools", "jax"],
    }.items():
        folder = Path(session.create_tmp()).resolve() / name
        others[name] = str(folder / "bin" / "python")
        if not folder.exists():
            session.run("python", "-m", "venv", str(folder))
        for package in packages:  # one after another: the small torch first
            session.run(others[name], "-m", "pip", "install", "-q", package, external=True)
    neurogym, out = ["--neurogym", others["neurogym"]], ["--out", "bench-output"]
    env = {"OMP_NUM_THREADS": "1"}
    session.run("python", "tests/benchmarks/generation.py", env=env)
    session.run("python", "tests/benchmarks/data.py", *neurogym, "--braintools", others["braintools"], *out, env=env)
    session.run("python", "tests/benchmarks/stepping.py", *neurogym, *out, env=env)
    session.run("python", "tests/benchmarks/mixtures.py", *out, env=env)
    session.run("python", "tests/benchmarks/budgets.py", *out, env=env)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill what writes files at sixty random moments, and damage manifests and files; prints counts (5 to 8 minutes)."""
    install(session, *ALL)
    session.run("python", "tests/faults/damage.py")
    session.run("python", "tests/faults/kills.py", *session.posargs)


def interpreters() -> dict[str, str]:
    """Return the Pythons of a release that are installed: version -> path."""
    found = {version: shutil.which(f"python{version}") for version in RELEASED_FOR}
    # pyenv has a program for each version, which fails unless PYENV_VERSION names it
    return {version: path for version, path in found.items() if path and not subprocess.call([path, "-c", ""])}


@nox.session
def release(session: nox.Session) -> None:
    """Build and check what could be published, and test it in fresh environments; option: --sb3 (Pythons with torch)."""
    session.env.update(ENV)
    session.install("build", "twine>=6", "cffconvert>=2")
    dist = Path("dist").resolve()
    shutil.rmtree(dist, ignore_errors=True)
    for name in ALL:  # the wheel is built from the sdist
        session.run("python", "-m", "build", "-o", str(dist), f"packages/ngym-{name}", silent=True)
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    session.run("python", "tests/release/contents.py", str(dist))
    session.run("cffconvert", "--validate", "-i", "CITATION.cff")
    folder, found = Path(session.create_tmp()).resolve(), interpreters()
    version = nox.project.load_toml("packages/ngym-core/pyproject.toml")["project"]["version"]
    with_sb3 = session.posargs[1:] if session.posargs[:1] == ["--sb3"] else ["3.11"]
    outside = folder / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    shutil.copytree("tests", outside / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("pyproject.toml", outside)
    rows = [f"{python}: not installed" for python in RELEASED_FOR if python not in found]
    for python, path in found.items():
        for versions in ["newest", "lowest"] if python == min(found) else ["newest"]:
            packages = [name for name in ALL if name != "sb3" or python in with_sb3]
            environment = folder / f"{python}-{versions}"
            shutil.rmtree(environment, ignore_errors=True)
            session.run(path, "-m", "venv", str(environment), external=True)
            its_python = str(environment / "bin" / "python")

            def pip(*arguments: str, its_python: str = its_python) -> None:
                session.run(its_python, "-m", "pip", "install", "-q", *arguments, external=True)

            if "sb3" in packages:
                pip("-c", "constraints.txt", "torch")
            pins = [pin for name in packages for pin in lowest_versions(name)] if versions == "lowest" else []
            # Ours from the folder alone, by name; what they need from the usual index.
            pip("-c", "constraints.txt", "--find-links", str(dist), *(f"ngym-{name}=={version}" for name in packages), *pins)
            pip("-c", "constraints.txt", *groups("test"))
            tests = [path for path in QUICK if path.split("/")[1] in packages]
            with session.chdir(outside):
                session.run(its_python, "-m", "pytest", *TWO_AT_A_TIME, *tests, external=True)
                session.run(its_python, "-m", "ngym_core", "check", "PerceptualDecisionMaking-v0", external=True)
            rows.append(f"{python}, {versions} dependencies: {', '.join(f'ngym-{name}' for name in packages)} passed")
    session.log("\n".join(["What was tested:", *sorted(rows)]))
