"""Examples of each command, which its help shows. A test runs them all, in this order."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "train": (
        "numlean train iris --steps 20 --save run.nl --certificate run.cert",
        "numlean train xor --dtype bfloat16 --steps 10 --flags",
        "numlean train xor --policy bf16-mixed --steps 10 --json",
    ),
    "replay": (
        "numlean replay run.cert",
        "numlean replay run.cert --device python --json",
    ),
    "export": (
        "numlean export run.nl weights.npz",
        "numlean export run.nl weights.safetensors",
    ),
    "sweep": (
        "numlean sweep grid.toml --out results --workers 0",
        "numlean sweep show results",
    ),
    "crosscheck": (
        "numlean crosscheck xor --dtypes float32,ieee32exec,mp:24 --steps 10",
        "numlean crosscheck xor --a float32 --b ieee32exec --steps 5 --json",
    ),
    "compare": (
        "numlean compare xor --dtypes float32,bfloat16 --steps 5 --truth mp:60",
        "numlean compare xor --policies bf16-mixed,tf32 --steps 5 --out report.html",
    ),
    "ablate": (
        "numlean ablate xor --policy bf16-mixed --steps 2 --seeds 2",
        "numlean ablate xor --dtype bfloat16 --steps 2 --seeds 1 --json",
    ),
    "eval": (
        'numlean eval "0.1 + 0.2" --dtype ieee32exec --dtype float64',
        'numlean eval "fma(3, 1/3, -1)" --dtype e4m3',
        'numlean eval "464 + 36" --dtype float64 --to e4m3 --overflow saturate',
    ),
    "dtypes": ("numlean dtypes", "numlean dtypes --color never"),
    "policies": (
        "numlean policies",
        "numlean policies bf16-mixed",
        "numlean policies bf16-mixed,optimizer=bfloat16 --json",
    ),
    "tasks": ("numlean tasks", "numlean tasks --color never"),
    "play": ("numlean play", "numlean play --port 0 --no-browser"),
    "compare-units": (
        "numlean compare-units A100:fp16 H100:fp16",
        "numlean compare-units A100:fp16 H100:fp16 --out products.jsonl",
    ),
    "record-unit": (
        "numlean record-unit products.jsonl --ptx kernel.ptx",
        "numlean record-unit products.jsonl --ptx kernel.ptx --unit A100:fp16",
    ),
    "vectors": (
        "numlean vectors mxfp8_e4m3 --out vectors.jsonl",
        "numlean vectors --check vectors.jsonl",
    ),
    "testfloat": (
        "numlean testfloat f16_sqrt --generate -n 5 -level 2",
        "numlean testfloat f16_sqrt --dtype binary16 < lines.txt",
    ),
    "verify": (
        "numlean verify arithmetic --operation add --count 1000 --jobs 1",
        "numlean verify stochastic",
    ),
    "verify arithmetic": (
        "numlean verify arithmetic --operation add --count 1000 --jobs 1",
        "numlean verify arithmetic --dtype e4m3 --against double --operation mul --level all"
        " --jobs 1",
    ),
    "verify elementary": (
        "numlean verify elementary --function exp --count 1000 --jobs 1",
        "numlean verify elementary --dtype bfloat16 --function tanh --exhaustive --jobs 1",
    ),
    "verify certificates": ("numlean verify certificates run.cert --dtypes float32",),
    "verify checkpoints": ("numlean verify checkpoints --mutations 5 --kills 0 --dtypes mp:53",),
    "verify attacks": ("numlean verify attacks documents --count 5",),
    "verify matrix-unit": ("numlean verify matrix-unit A100:fp16 --random 100",),
    "verify policies": ("numlean verify policies tf32",),
    "verify scalars": ("numlean verify scalars --dtype e4m3",),
    "verify stochastic": ("numlean verify stochastic",),
    "bench": (
        "numlean bench ops --operation add --dtypes float32,ieee32exec --rounds 1",
        "numlean bench step --dtypes float32 --rounds 1",
    ),
    "doctor": ("numlean doctor", "numlean doctor --color never"),
    "warm": ("numlean warm float32 --task xor", "numlean warm bfloat16 float32 --task xor"),
    "completion": (
        'eval "$(numlean completion bash)"',
        "numlean completion zsh > ~/.zfunc/_numlean",
        "numlean completion fish > ~/.config/fish/completions/numlean.fish",
    ),
}
"""Command lines, by command or subcommand."""

_FIRST: Final = (
    "numlean train digits --dtype bfloat16",
    "numlean crosscheck xor --dtypes float32,ieee32exec,mp:24",
    'numlean eval "0.1 + 0.2" --dtype e4m3',
)


def examples_of(program: str) -> tuple[str, ...]:
    """Return the examples of a program such as ``numlean train``."""
    words = program.split(" ")[1:]
    return EXAMPLES.get(" ".join(words), ()) if words else _FIRST
