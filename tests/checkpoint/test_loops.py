"""Every loop resumes with a stepper whose state was restored."""

from dataclasses import replace

import numpy as np
import pytest

from numlean import NumleanError, adam, clip_by_norm, epochs, steps
from numlean.checkpoint import CheckpointError, Run, load, resume, save
from numlean.data import DataLoader, Dataset
from numlean.optim import adamw, schedules, sgd
from numlean.training import Stepper, train_dataset, train_loader, train_minibatches

QUIET = {"log": lambda line: None}


def interrupted(case, path, loop, config, data, after):
    """Run a loop without interruption, and once resumed from a checkpoint; return both."""
    run, whole = Run(config, data, "loop"), fresh(case, config)
    loop(whole.runner, config, data, stepper=whole, **QUIET)
    first = fresh(case, config)

    def end(stepper, _):
        save(path, stepper, run)
        return stepper.step_count >= after

    loop(first.runner, config, data, stepper=first, on_step=end, **QUIET)
    then = fresh(case, config, seed=99)
    resume(path, then, run)
    assert after <= then.step_count < after + 4
    loop(then.runner, config, data, stepper=then, **QUIET)
    return whole, then


def fresh(case, config, seed=0):
    runner = case.fresh(seed=seed).runner
    return Stepper(runner, config.optimizer, config.scheduler)


OPTIMIZERS = [
    sgd(0.05, 0.9, nesterov=True, weight_decay=0.1),
    adam(0.01),
    adamw(0.01),
    clip_by_norm(adam(0.02), 0.5),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "mp:60"])
def test_every_optimizer_resumes_in_cycles_of_samples(case, path, state_of, dtype, optimizer):
    config = steps(7, batch_size=3, optimizer=optimizer).warmup(2)
    runs = interrupted(case(dtype), path, train_dataset, config, case(dtype).data, after=9)
    assert state_of(runs[0]) == state_of(runs[1])
    assert runs[0].schedule_count == runs[1].schedule_count == 7


@pytest.mark.parametrize("scheduler", [schedules.cosine(0.1, 11), schedules.step(0.1, 3)], ids=repr)
def test_minibatches_resume_under_a_schedule(case, path, state_of, scheduler):
    config = replace(case("float32").config, scheduler=scheduler)
    data = case("float32").data
    runs = interrupted(case("float32"), path, train_minibatches, config, data, after=6)
    assert state_of(runs[0]) == state_of(runs[1])


@pytest.mark.parametrize("after", [1, 3, 6, 7, 13, 20, 21])
@pytest.mark.parametrize("profile", ["torchlean", "philox"])
@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_loader_resumes_in_its_order(case, path, state_of, after, profile, stack, drop_last):
    loader = DataLoader(
        case("float32").data,
        3,
        shuffle=True,
        seed=8,
        stack=stack,
        drop_last=drop_last,
        shuffle_profile=profile,
    )
    config = epochs(3, optimizer=adam(0.01), scheduler=schedules.exponential(0.01, 0.5))
    after = min(after, loader.updates * 3)
    runs = interrupted(case("float32"), path, train_loader, config, loader, after)
    assert state_of(runs[0]) == state_of(runs[1])


def test_a_loader_is_the_one_after_all_epochs_also_when_its_run_was_resumed(case, path):
    loader = DataLoader(case("float32").data, 2, shuffle=True, seed=8)
    config = epochs(3)
    whole, first = fresh(case("float32"), config), fresh(case("float32"), config)
    _, expected = train_loader(whole.runner, config, loader, stepper=whole, **QUIET)
    half = epochs(1)
    train_loader(first.runner, half, loader, stepper=first, **QUIET)
    _, then = train_loader(first.runner, config, loader, stepper=first, **QUIET)
    assert (then.order, then.seed, then.epochs_done) == (expected.order, expected.seed, 3)
    assert loader.after(3) == expected


def test_a_checkpoint_has_the_loader_with_which_the_run_began(case, path):
    begun = DataLoader(case("float32").data, 2, shuffle=True, seed=8).after(2)
    config = epochs(2)
    stepper, run = fresh(case("float32"), config), Run(config, begun)
    train_loader(stepper.runner, config, begun, stepper=stepper, **QUIET)
    save(path, stepper, run)
    anew = DataLoader(case("float32").data, 2, shuffle=True)
    with pytest.raises(CheckpointError, match=r"data\.seed is \d+ in the file and 0 here"):
        resume(path, fresh(case("float32"), config), Run(config, anew))
    found = load(path)
    assert found.loader(anew) == begun
    resume(found, fresh(case("float32"), config), Run(config, found.loader(anew)))


def test_an_order_of_other_samples_is_refused(case, path):
    config, data = epochs(1), case("float32").data
    begun, stepper = (
        DataLoader(data, 2, shuffle=True, seed=8).after(1),
        fresh(case("float32"), config),
    )
    save(path, stepper, Run(config, begun))
    few = Dataset.of_arrays(np.zeros((data.size - 1, 3)), np.zeros((data.size - 1, 2)))
    with pytest.raises(CheckpointError, match=f"order is not one of {data.size - 1} samples"):
        load(path).loader(DataLoader(few, 2))


def test_a_run_without_a_loader_has_none(case, path):
    case("float32").saved_after(1, path)
    with pytest.raises(CheckpointError, match="no loader"):
        load(path).loader(DataLoader(case("float32").data, 2))


def test_a_list_of_samples_is_distinguished_from_another(case, path):
    run = case("float32")
    samples = list(run.data)
    stepper = run.fresh()
    save(path, stepper, Run(run.config, samples))
    resume(path, stepper, Run(run.config, list(run.data)))
    with pytest.raises(CheckpointError, match="data"):
        resume(path, stepper, Run(run.config, samples[::-1]))


def test_a_loop_does_not_resume_with_the_steps_of_another(case):
    run, three = case("float32"), steps(9, batch_size=3)
    stepper = run.fresh()
    train_minibatches(stepper.runner, replace(three, steps=2), run.data, stepper=stepper, **QUIET)
    with pytest.raises(NumleanError, match=r"2 updates in 2 steps, .* makes 3 updates per step"):
        train_dataset(stepper.runner, three, run.data, stepper=stepper, **QUIET)
    loader = DataLoader(run.data, 3)
    with pytest.raises(NumleanError, match=r"2 updates in 2 epochs, .* makes 7 updates per epoch"):
        train_loader(stepper.runner, epochs(3), loader, stepper=stepper, **QUIET)


def test_no_epoch_is_undone(case):
    run, loader = case("float32"), DataLoader(case("float32").data, 3)
    stepper = run.fresh()
    train_loader(stepper.runner, epochs(2), loader, stepper=stepper, **QUIET)
    with pytest.raises(NumleanError, match=r"already started 2 epochs, but config\.epochs is 1"):
        train_loader(stepper.runner, epochs(1), loader, stepper=stepper, **QUIET)


@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 3, 7, 9])
def test_the_updates_of_an_epoch_are_counted(case, size, stack, drop_last):
    loader = DataLoader(case("float32").data, size, stack=stack, drop_last=drop_last)
    _, batches = loader.epoch()
    assert loader.updates == (len(batches) if stack else sum(map(len, batches)))
    assert np.isscalar(loader.updates)
