import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar import registry
from numlean.scalar.dtype import Dtype, split_dtype_list
from numlean.scalar.registry import get_scalar, scalars


def test_first_party_scalars_are_registered_as_entry_points():
    assert {"float64", "float32", "ieee32exec", "mp", "softfloat32"} <= set(scalars())


def test_listing_imports_no_backend():
    program = (
        "import sys, numlean\n"
        "numlean.scalars()\n"
        "try:\n    numlean.get_scalar('nonsense')\nexcept numlean.NumleanError:\n    pass\n"
        "print([m for m in sys.modules if m.startswith('numlean_backends')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert result.stdout.strip() == b"[]"


def test_the_same_dtype_and_device_is_the_same_scalar():
    assert get_scalar("mp:200") is get_scalar(" mp:200")
    assert get_scalar("float") is get_scalar("float64")
    assert get_scalar("ieee754exec") is get_scalar("ieee32exec", "cpu")
    assert get_scalar("ieee32exec", "python") != get_scalar("ieee32exec", "cpu")
    assert get_scalar("mp:0200").name == "mp:200"


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("float31", ["float31", "float32", "ieee32exec", "mp"]),
        ("", ["float32"]),
        ("mp:0", ["mp:0", "mp:200"]),
        ("mp:-3", ["mp:-3", "mp:200"]),
        ("mp:abc", ["mp:abc", "mp:200"]),
        ("mp:", ["mp:", "mp:200"]),
        ("mp", ["'mp'", "mp:200"]),
        ("mp:9999999999", ["mp:9999999999"]),
        ("float32:24", ["float32:24", "nothing after a colon"]),
        ("ieee:e5", ["ieee:e5", "e5m10"]),
        ("ieee", ["eXmY"]),
        ("float32@round=up", ["round", "none"]),
        ("ieee32exec@round=up", ["up", "ties_to_even", "toward_zero"]),
        ("ieee32exec@colour=red", ["colour", "round", "nan"]),
        ("ieee32exec@round", ["name=value", "'round'"]),
        ("ieee32exec@", ["name=value"]),
        ("ieee32exec@nan=x86,nan=arm", ["once", "nan=arm"]),
    ],
)
def test_an_invalid_dtype_is_refused_and_the_known_ones_are_listed(dtype, words):
    with pytest.raises(NumleanError) as caught:
        get_scalar(dtype)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def test_an_unknown_device_lists_those_of_the_backend():
    with pytest.raises(UnknownNameError, match="known: cpu, cuda, python"):
        get_scalar("float32", "abacus")
    with pytest.raises(UnknownNameError, match="known: cpu, python"):
        get_scalar("mp:24", "cuda")


def test_options_are_put_in_order():
    assert Dtype.parse("x@b=2,a=1").text == "x@a=1,b=2"
    a = get_scalar("ieee32exec@round=toward_zero,nan=x86")
    assert a is get_scalar("ieee32exec@nan=x86,round=toward_zero")
    assert a.rounding == "toward_zero"


def test_a_list_of_dtypes_keeps_the_options_of_each():
    assert split_dtype_list("float32,e5m2@round=to_odd,nan=x86,,mp:24") == [
        "float32",
        "e5m2@round=to_odd,nan=x86",
        "mp:24",
    ]


def test_a_list_may_mix_dtypes_and_policies_whose_commas_do_not_separate():
    policies = (
        "policy:bf16-mixed,optimizer=bfloat16@round=stochastic,seed=3",
        "policy:uniform(e5m2@round=to_odd,nan=x86):python",
        "policy:tf32,accumulate=blocked(float32, 4, float32),except.last=(tf32,weights=mp:9)",
    )
    listed = ["mp:24", *policies, "e5m2@round=to_odd,nan=x86", "float32"]
    assert split_dtype_list(",".join(listed)) == listed
    for wrong in ("float32,uniform(mp:9", "tf32),mp:9"):
        with pytest.raises(NumleanError, match=r"the list .* parenthesis that it does not"):
            split_dtype_list(wrong)


@pytest.fixture
def points(monkeypatch):
    def use(*entries):
        listed = tuple(EntryPoint(name, value, registry.GROUP) for name, value in entries)
        monkeypatch.setattr(registry, "_points", lambda: listed)
        clear()

    def clear():
        registry._load.cache_clear()
        registry._make.cache_clear()

    yield use
    clear()


def test_a_broken_plug_in_is_a_warning_that_names_it(points):
    points(("float32", "numlean_backends.float32:scalar"), ("broken", "no_such_module:scalar"))
    with pytest.warns(RuntimeWarning, match=r"'broken' \(no_such_module:scalar\)"):
        assert [name for name, _ in registry.scalar_backends()] == ["float32"]
    with pytest.raises(UnavailableError, match="no_such_module"):
        get_scalar("broken")


def test_a_plug_in_that_is_not_a_backend_is_named(points):
    points(("text", "string:digits"))
    with pytest.raises(
        UnavailableError,
        match=r"'text' \(string:digits\) is a str; it must be a numlean.ScalarBackend",
    ):
        get_scalar("text")


def test_a_name_that_two_packages_register_is_refused_with_both(points):
    ours, theirs = "numlean_backends.float32:scalar", "elsewhere:scalar"
    points(("float32", ours), ("float32", theirs))
    with pytest.raises(UnavailableError, match=f"{ours} and {theirs}"):
        get_scalar("float32")
    points(("float32", ours), ("float32", ours))
    assert get_scalar("float32").name == "float32"


def test_a_checkout_that_is_not_installed_says_how_to_install(points):
    points()
    with pytest.raises(UnavailableError, match="pip install --editable"):
        scalars()
    with pytest.raises(UnavailableError, match="not installed"):
        get_scalar("float32")
