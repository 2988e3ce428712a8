"""Texts of scalings, which policies contain."""

import pickle

import pytest

from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.scaling import (
    ROW,
    TENSOR,
    Current,
    Delayed,
    Granularity,
    Int8,
    Scaling,
    scaling_named,
)

TEXTS = {
    "tensor": Scaling(),
    "current": Scaling(),
    "row": Scaling(ROW),
    "channel": Scaling(ROW),
    "block(1x128)": Scaling(Granularity(1, 128)),
    " block( 128x128 , power_of_two ) ": Scaling(Granularity(128, 128), power_of_two=True),
    "row(amax_epsilon=0)": Scaling(ROW),
    "row(amax_epsilon=1e-12, power_of_two)": Scaling(ROW, Current(1e-12), True),
    "delayed": Scaling(method=Delayed()),
    "row(int8)": Scaling(ROW, Int8()),
    "tensor(delayed)": Scaling(method=Delayed(1024, "max", 0)),
    "tensor(power_of_two,delayed(history=16))": Scaling(TENSOR, Delayed(16), True),
    "delayed(algo=most_recent,margin=-2,history=1)": Scaling(method=Delayed(1, "most_recent", -2)),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_describes_a_scaling_whose_own_text_describes_it_again(text):
    scaling = scaling_named(text)
    assert scaling == TEXTS[text]
    assert scaling_named(str(scaling)) == scaling
    assert pickle.loads(pickle.dumps(scaling)) == scaling


def test_the_text_of_a_scaling_states_every_setting_of_its_history():
    assert str(Scaling()) == "tensor"
    assert str(scaling_named("delayed(margin=1)")) == (
        "tensor(delayed(history=1024, algo=max, margin=1))"
    )
    assert str(scaling_named("block(1x32,power_of_two)")) == "block(1x32, power_of_two)"


WRONG = {
    "": "is not a scaling",
    "tensr": "unknown scaling 'tensr'.*did you mean",
    "block": "block takes rows x terms first",
    "block(128)": "block takes rows x terms first",
    "block(0x4)": "at least 1x1",
    "block(1x128": "is not a scaling",
    "tensor()": "is not a scaling",
    "tensor)": "is not a scaling",
    "tensor,row": "is not a scaling",
    "tensor(power_of_two) row": "is not a scaling",
    "(power_of_two)": "is not a scaling",
    "tensor((power_of_two))": "is not a scaling",
    "tensor\n(\x1b[31m)": "unknown option",
    "tensor(delayed,)": "is not a scaling",
    "tensor(delayed(history=4)": "opens a parenthesis that it does not close",
    "row(int8(1))": "int8 takes no value",
    "row(int8, delayed)": "exclude each other",
    "row(int8, power_of_two)": "exclude each other",
    "tensor(epsilon=1)": "unknown option of a scaling 'epsilon'",
    "tensor(amax_epsilon)": "write amax_epsilon=X",
    "tensor(amax_epsilon=-1)": "write amax_epsilon=X",
    "tensor(amax_epsilon=1e39)": "amax_epsilon is from 0",
    "tensor(power_of_two=2)": "power_of_two takes no value",
    "tensor(current(3))": "current takes no value",
    "tensor(power_of_two,power_of_two)": "exclude each other",
    "tensor(delayed,amax_epsilon=1)": "exclude each other",
    "tensor(delayed(hist=1))": "unknown setting of delayed 'hist'",
    "tensor(delayed(history))": "write each setting once",
    "tensor(delayed(history=1,history=1))": "write each setting once",
    "tensor(delayed(history=1.5))": "history is an integer",
    "tensor(delayed(history=0))": "history has 1 to 1000000 entries, got history=0",
    "tensor(delayed(algo=mean))": "unknown algo 'mean'",
    "tensor(delayed(margin=200))": "margin is from -100 to 100",
    "row(delayed)": r"a delayed scale serves a whole tensor; write tensor\(delayed\)",
    "block(1x2,delayed)": "a delayed scale serves a whole tensor",
    "tensor(mx)": r"mx has a scale for each block; write block\(1x32, mx\)",
    "block(512x512, mx)": "a block of mx has at most 65536 numbers, got 262144",
}


@pytest.mark.parametrize("text", WRONG)
def test_another_text_is_refused_in_one_line(text):
    with pytest.raises(NumleanError, match=WRONG[text]) as caught:
        scaling_named(text)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UnknownNameError) == WRONG[text].startswith("unknown")
