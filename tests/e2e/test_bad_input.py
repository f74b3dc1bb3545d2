"""Wrong input: one sentence that names it and what to do, exit code 2, nothing left behind, no TensorFlow."""

import signal
import subprocess
import sys

import pytest

from tests.helpers.cold_commands import RUN

CSV = "data=csv data.path={} data.target=load"
KEYS = {
    "modle=lstm": "Did you mean 'model'?",
    "learning_rate=0.1": "Did you mean 'optimizer.learning_rate'?",
    "model.unit=[8]": "Did you mean 'model.units'?",
    "training.max_step=5": "Did you mean 'training.max_steps'?",
    "model.encoding=5": "model.encoding must be null, or give both bins and units",
    "~model.encoding.units": "model.encoding must be null, or give both bins and units",
    "model=gru model.statistics={bins:8}": "model.statistics must be null, or give spans, bins and units",
    "model=spike_detector model.window_features.spans=[]": "model.window_features.spans is empty: give",
    "model=spike_detector model.window_features.spans=[1]": "model.window_features.spans=1 is out of range",
    "job=ensemble ensemble.options={gru:{unit:[8]}}": "ensemble.options.gru has no argument unit.",
    "job=ensemble ensemble.options={gru:{dropout:2}}": "ensemble.options.gru.dropout=2 is out of range",
    "experiment=phase1_poc ensemble.options={gru:{dropout:0.1}}": "write ++ensemble.options=VALUE to add them",
    "experiment=phase1_poc ensemble.references=[]": "'~ensemble.options.lightgbm' leaves it out",
    "model=dlinear model.units=[8]": "There is no key 'model.units'.",
    "+training.max_step=5": "Did you mean 'training.max_steps'?",
    "~training.max_steps": "training.max_steps cannot be taken out",
    "~model": "model has no value: choose one of cnn_lstm, ",
    "model": "The override 'model' cannot be read",
    "--multirn": "Did you mean '--multirun'?",
    "--cfg": "write --cfg job",
    "-m model=gru --cfg job": "leave out -m, or --cfg",
}
CHOICES = {
    "model=lstn": "Did you mean 'lstm'?",
    "model=3": "takes the name of a choice",
    "model=lightgbm loss=normal": "lightgbm learns with loss=mse",
    "model=persistence model.spike_head=true": "Other choices of model have it",
    "context=events context.channels=[nope]": "'nope' is not a measured feature",
    "spike.max_false_alarms_per_day=-2": "must be at least 0",
    "model=lstm,gru": "add -m",
    "model=[lstm,gru]": "-m model=lstm,gru",
    "model.units=8,16": "model.units=[8,16]",
    "scale=pco": "Did you mean 'poc'?",
    "job=trian": "Did you mean 'train'?",
    "tracker=wndb": "Did you mean 'wandb'?",
    "tracker.mode=onlin": "Did you mean 'online'?",
    "precision=bfloat": "mixed_bfloat16",
    "job=plan plan.policies=[bfloat]": "plan.policies names bfloat",
    "job=plan plan.models=[lstmm]": "Did you mean 'lstm'?",
    "job=plan plan.scales=[]": "plan.scales is empty",
    "job=plan plan.batches=[0]": "plan.batches=[0] must be",
    "experiment=no_such_study": "no such experiment",
    "experiment=patchtst_etth1 data.path=x.csv model=lstm": "no settings for lstm, only for patchtst",
    "backend=tensorfow": "Did you mean 'tensorflow'?",
    "-m model=lstm,gruu": "Did you mean 'gru'?",
}
RANGES = {
    "model.units=[]": "model.units=[64]",
    "model.units=[0]": "between 1 and",
    "model.units=many": "write model.units=[many]",
    "model.dropout=nan": "between 0 and 0.95",
    "model.anchor=perhaps": "true or false",
    "optimizer.learning_rate=0": "out of range",
    "optimizer.learning_rate=fast": "not a number",
    "optimizer.clipnorm=0": "at least",
    "schedule=exponential schedule.stairs=1": "between 2 and 10000",
    "loss=quantile loss.quantile_levels=[0.1,0.9]": "include 0.5",
    "loss=quantile loss.quantile_levels=[0.9,0.5,0.1]": "must rise",
    "loss=quantile loss.quantile_levels=null": "must rise",
    "window.lookback=0": "between 1 and 100000",
    "window.lookback=-5": "between 1 and 100000",
    "window.lookback=abc": "window.lookback=abc is not a whole number",
    "window.lookback=null": "window.lookback=null is not allowed",
    "window.stride=-1": "between 1",
    "seed=-1": "between 0 and 2147483647",
    "scale.rows=-1": "at least 100",
    "scale.rows=99999999": "2,075,259 rows",
    "training.batch_size=-32": "between 1 and 1048576",
    "training.batch_size=abc": "not a whole number",
    "training.max_minutes=-1": "at least 0.001",
    "training.supervision=dens": "Did you mean 'dense'?",
    "device=cpu device.threads=0": "between 1 and 1024",
}
TOGETHER = {
    "training.max_steps=null": "training has no end",
    "training.max_steps=null training.max_minutes=1 backend=jax": "schedule=constant",
    "window.lookback=20": "training.warmup_steps=30 leaves no step of window.lookback=20",
    "scale=tiny window.lookback=5000": "lower these, or give more rows",
    "device=v1000": "Did you mean 'v100'?",
    "device=gpu": "this machine shows none",
    "device=cpu device.kind=tpu": "auto, cpu, gpu",
    "device=v100 precision=mixed_bfloat16": "a V100 has no bfloat16 units",
    "device=cpu device.compute_capability=7.5 precision=mixed_bfloat16": "precision=mixed_float16",
    "job=evaluate": "add run=FOLDER",
    "run=somewhere": "job=evaluate",
    "run=elsewhere": "resume an interrupted run by resume=FOLDER",
    "job=serve run=somewhere": "and this is job=serve",
    "format=onnx": "format is for job=export, and this is job=train",
    "serve.port=1": "serve.port is for job=serve, and this is job=train",
    "retrain.max_hours=4": "is for job=retrain or replay, and this is job=train",
    "+serve.x=1": "serve is for job=serve, and this is job=train",
    "job=serve serve.prot=1": "Did you mean 'serve.port'?",
    "job=serve +serve.x=1": "There is no key 'serve.x'",
    "job=serve serve.port=x": "serve.port=x is not a whole number",
    "job=serve serve.port=70000": "between 0 and 65535",
    "job=export format=onxx": "Did you mean 'onnx'?",
    "registry=default": "registry is for job=promote",
    "job=serve model=gru": "job=serve does not read model: leave out model=gru. It reads precision, device, seed",
    "job=serve training.max_steps=5": "job=serve does not read training",
    "job=serve +model.depth=3": "job=serve does not read model",
    "job=predict predict.data=good.csv data.path=good.csv": "There is no key 'data.path'|does not read data",
    "job=predict predict.data=good.csv data=csv": "data.path has no value|the file to forecast from is predict.data",
    "job=retrain optimizer.learning_rate=0.1": "its learning rate is retrain.learning_rate",
    "job=retrain window.lookback=5": "job=retrain does not read window",
    "job=rollback seed=3": "job=rollback does not read seed: leave out seed=3. It reads registry.",
    "job=compare over=good.csv scale=tiny": "job=compare does not read scale",
    "job=rollback": "Promote a finished run with `python run.py job=promote run=FOLDER`",
    "job=promote registry.version=v9999": "It has none yet: promote a finished run",
    "job=retrain": "has no champion yet: promote a finished run",
    "job=distill run=nowhere": "give the folder of an earlier run",
    "serv.port=1": "Did you mean 'serve.port'?",
    "job=compare": "over has no value: add over=FOLDER",
    "ensemble.members=[lstm]": "is for job=ensemble",
    "job=train model=ensemble": "model=ensemble is for job=ensemble",
    "job=ensemble ensemble.members=[lstm]": "is too short: name at least two",
    "job=backtest backtest.refit=wram": "Did you mean 'warm'?",
    "resume=nowhere": "nowhere is not the folder of a run",
    "resume=empty_folder": "it has no config.yaml",
    "resume=good.csv": "good.csv cannot be used",
    "resume=old_run": "does not fit this version",
    "resume=old_run model=gru": "leave out model=gru",
    "scale=tiny hydra.run.dir=good.csv/run": "good.csv/run cannot be used",
}
DATA = {
    "data=csv": "data.path has no value",
    "data=csv data.path=good.csv": "data.target has no value",
    CSV.format("goood.csv"): "Did you mean 'good.csv'?",
    CSV.format("."): "cut.csv.gz is damaged",
    CSV.format("empty.csv"): "empty.csv is empty",
    CSV.format("header.csv"): "no row below its header",
    CSV.format("one_row.csv"): "one row only",
    CSV.format("unobserved.csv"): "no value at all",
    CSV.format("infinite.csv"): "1 infinite value",
    CSV.format("constant.csv"): "constant in the training rows",
    CSV.format("words.csv"): "not numeric",
    CSV.format("picture.csv"): "neither CSV nor Parquet",
    CSV.format("story.csv"): "not a CSV table",
    CSV.format("no_time.csv"): "No column reads as time",
    CSV.format("cut.parquet"): "damaged Parquet",
    CSV.format("cut.csv.gz"): "damaged",
    "data=csv data.path=good.csv data.target=laod": "Did you mean 'load'?",
    "data=csv data.path=good.csv data.target=time": "is the time column",
    CSV.format("good.csv") + " data.time=stamp": "no column 'stamp'",
    CSV.format("good.csv") + " data.features=[othr]": "Did you mean 'other'?",
    CSV.format("good.csv") + " data.frequency=often": "15min",
    CSV.format("good.csv") + " data.season=0": "data.season is 0",
    CSV.format("good.csv") + " data.split.train=0.9": "add up to at most 1",
    CSV.format("good.csv") + " data.split.train=-1": "data.split.train is -1",
    CSV.format("good.csv") + " +data.split.rest=0.1": "no part 'rest'",
    CSV.format("good.csv") + " data.future_covariates=[other]": "not known ahead",
    CSV.format("good.csv") + " window.lookback=250": "No window fits",
    "scale=tiny data.target=volts": "Did you mean 'voltage'?",
    "scale=tiny data.future_covariates=[global_intensity]": "gives the target",
    "data=synthetic data.missing=2": "0 to below 1",
}
CASES = {**KEYS, **CHOICES, **RANGES, **TOGETHER, **DATA}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of files that are wrong in one way each."""
    folder = tmp_path_factory.mktemp("wrong")
    rows = [(f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00", i % 7, i % 5) for i in range(300)]

    def write(name, load=lambda i, value: value):
        lines = [f"{time},{load(i, value)},{other}" for i, (time, value, other) in enumerate(rows)]
        (folder / name).write_text("\n".join(["time,load,other", *lines]) + "\n")

    write("good.csv")
    write("unobserved.csv", lambda i, value: "")
    write("infinite.csv", lambda i, value: "inf" if i == 50 else value)
    write("constant.csv", lambda i, value: 3)
    write("words.csv", lambda i, value: "high")
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("time,load\n")
    (folder / "one_row.csv").write_text("time,load\n2024-01-01 00:00,1\n")
    (folder / "no_time.csv").write_text("load,other\n1,2\n3,4\n5,6\n")
    (folder / "story.csv").write_text("It was a dark night.\nNothing moved.\n")
    (folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    (folder / "cut.parquet").write_bytes(b"PAR1abc")
    (folder / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00abc")
    (folder / "empty_folder").mkdir()
    (folder / "old_run").mkdir()
    (folder / "old_run" / "config.yaml").write_text("nonsense: 3\n")
    return folder


def contents(folder):
    return {
        path.relative_to(folder): path.stat().st_size for path in folder.rglob("*") if not path.is_dir()
    } | {path.relative_to(folder): None for path in folder.rglob("*") if path.is_dir()}


def assert_refused(code, err, said):
    assert code == 2, err
    assert err.count("\n") == 1, err
    assert err.endswith((".\n", "?\n"))
    assert any(words in err for words in said.split("|")), err


@pytest.mark.parametrize("command", CASES)
def test_wrong_input_is_refused_in_one_sentence(command, files, cold_command):
    before = contents(files)
    done = cold_command(*command.split(), cwd=files)
    assert_refused(done.code, done.err, CASES[command])
    assert done.imported == [], "found only after a backend was loaded"
    assert contents(files) == before


def test_there_are_enough_cases():
    assert len(CASES) >= 40


def test_right_input_is_not_refused(files, cold_command):
    """The gate lets nothing pass to a backend, so that a command that is right goes just so far."""
    done = cold_command(*CSV.format("good.csv").split(), "training.batch_size=8", cwd=files)
    assert done.imported == ["tensorflow"]


@pytest.mark.parametrize("command", ["model=lstn", "window.lookback=0", CSV.format("empty.csv")])
def test_the_same_from_a_real_shell(command, files):
    before = contents(files)
    done = subprocess.run(
        [sys.executable, str(RUN), *command.split()], cwd=files, capture_output=True, text=True, check=False
    )
    assert_refused(done.returncode, done.stderr, CASES[command])
    assert contents(files) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("model=dlinear model.kernel_size=24", "kernel_size=24 must be odd"),
        ("model=seasonal_naive window.lookback=100", "set window.lookback=1431"),
        ("+model.depth=3", "unexpected keyword argument 'depth'"),
        ("training.batch_size=100000", "but the split has only"),
    ],
)
def test_what_only_the_model_can_tell_leaves_nothing_either(command, said, tmp_path):
    """These need Keras, so they take seconds; they come before the first file."""
    done = subprocess.run(
        [sys.executable, str(RUN), "scale=tiny", "tracker=none", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert_refused(done.returncode, done.stderr, said)
    assert contents(tmp_path) == {}


@pytest.mark.slow
def test_an_interruption_before_training_is_reported_and_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(RUN), "scale=tiny", "tracker=none", "model=dlinear"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stdout:  # the data have been read, and TensorFlow is imported next
        if "windows:" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Interrupted before anything was saved.\n")
    assert not list(tmp_path.iterdir())
