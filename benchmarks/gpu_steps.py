"""Train steps of a trainer on one batch in the memory of the device, as Keras' ``fit`` runs them on each backend.

A call runs several steps and waits for the last one: a training does not wait for each loss either.
"""

import keras


def train_steps(trainer, past, truth, steps):
    """Return a call that trains ``steps`` times on a batch, and the bytes of the compiled step.

    The bytes are None where only the allocator can report them.

    Args:
        trainer: Compiled trainer; JAX takes its variables over.
        past: Windows ``[B, L, C]``.
        truth: Targets of the windows.
        steps: Steps per call, at least 1.
    """
    data = keras.ops.convert_to_tensor(past), keras.ops.convert_to_tensor(truth)
    step, memory = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.config.backend()](
        trainer, data
    )

    def call():
        for _ in range(steps - 1):
            step()
        return float(step()["loss"])

    return call, memory


def _tensorflow(trainer, data):
    run = trainer.make_train_function()
    return lambda: run(iter([data])), None


def _torch(trainer, data):
    trainer.make_train_function()
    trainer.train()
    return lambda: trainer.train_function([data]), None


def _jax(trainer, data):
    import jax

    trainer._symbolic_build(data_batch=(*data, None))
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    state = trainer._get_jax_state(**{f"{kind}_variables": True for kind in kinds})
    program = jax.jit(trainer.train_step, donate_argnums=0).lower(state, data).compile()
    kept = [state]

    def step():
        logs, kept[0] = program(kept[0], data)
        return logs

    return step, memory_of(program)


def memory_of(program):
    """Return the bytes that a compiled JAX program needs: arguments, results that reuse none of them, and the rest."""
    used = program.memory_analysis()
    if used is None:
        return None
    arguments = used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes
    return arguments + used.temp_size_in_bytes
