"""The names of matrix units: parts, options, and errors that say what to write."""

import pytest

import numlean as nl
from numlean.precision.matrix_units.names import rows
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64
from numlean_kernels.matrix_units.chips import CHIPS
from numlean_kernels.matrix_units.rule import Chain


@pytest.mark.parametrize("name", nl.matrix_units())
def test_every_listed_name_makes_a_unit_of_that_name(name):
    assert nl.get_matrix_unit(name).name == name


def test_every_chip_of_the_table_is_listed_in_its_order():
    chips = [name.partition(":")[0] for name in nl.matrix_units()]
    assert tuple(dict.fromkeys(chips)) == CHIPS


def test_results_are_binary32_unless_the_name_says_otherwise():
    outputs = ("A100:fp16", "A100:fp16->fp32", "A100:fp16->fp16", "A100:fp64")
    found = [nl.get_matrix_unit(name).unit.output for name in outputs]
    assert found == [BINARY32, BINARY32, BINARY16, BINARY64]
    assert nl.get_matrix_unit("A100:fp16 -> fp32").name == "A100:fp16"


def test_the_two_fp8_instructions_of_a_chip_have_other_rules():
    wgmma, mma = (nl.get_matrix_unit(f"H100:e4m3:{kind}").unit.rule for kind in ("wgmma", "mma"))
    assert (wgmma.group, wgmma.fraction_bits, wgmma.adds_last) == (32, 13, False)
    assert (mma.group, mma.instruction, mma.fraction_bits, mma.adds_last) == (16, 32, 25, True)
    assert mma.k_order[:4] == (0, 1, 4, 5)
    assert mma.k_order[16:20] == (2, 3, 6, 7)


def test_an_instruction_without_a_name_is_the_usual_one():
    assert nl.get_matrix_unit("B200:e2m1").unit.scales is None
    assert nl.get_matrix_unit("B200:e2m1:mxf8f6f4").unit.scales is not None


def test_a_model_changes_the_units_that_the_models_disagree_on():
    for name in nl.matrix_units():
        usual, km, mma = (
            nl.get_matrix_unit(f"{name}{model}") for model in ("", ",model=km", ",model=mma")
        )
        assert usual == km
        row = next(row for given, row in rows().items() if str(given) == name)
        assert (mma != km) == (row.mma is not None)
        assert nl.get_matrix_unit(mma.name) == mma


def test_options_of_a_chain_are_part_of_the_name_in_one_order():
    unit = nl.get_matrix_unit("A100:fp16, split_k = 2, k_block=64,promote_every=32,order=pairwise")
    assert unit.name == "A100:fp16,k_block=64,promote_every=32,split_k=2,order=pairwise"
    assert unit.unit.chain == Chain(64, 32, 2, "pairwise")
    assert nl.get_matrix_unit(unit.name) == unit


def test_a_block_fma_of_your_own_can_be_that_of_a_chip():
    own = nl.get_matrix_unit("blockfma:group=8,fraction_bits=24,floor=-132")
    assert own.unit == nl.get_matrix_unit("A100:fp16").unit
    assert "unverified" in own.evidence
    order = "-".join(map(str, nl.get_matrix_unit("H100:e4m3:mma").unit.rule.k_order))
    text = f"operands=e4m3,group=16,fraction_bits=25,floor=-133,k_order={order},c=last"
    split = nl.get_matrix_unit(f"blockfma:{text}")
    assert split.unit == nl.get_matrix_unit("H100:e4m3:mma").unit
    assert nl.get_matrix_unit(split.name) == split


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("A10:fp16", "unknown chip 'A10'.*did you mean 'A100'"),
        ("A100", "is not the name of a matrix unit; write CHIP:OPERANDS"),
        ("A100:fp16:mma:x", "is not the name of a matrix unit"),
        ("A100:fp16->", "is not the name of a matrix unit"),
        ("", "unknown chip ''"),
        ("A100:f16", "unknown operands of A100 'f16'; known: fp16, bf16.*did you mean 'fp16'"),
        ("MI300:e4m3", "did you mean 'e4m3fnuz'"),
        ("A100:bf16->fp16", "unknown output of A100:bf16 'fp16'; known: fp32"),
        ("H100:e4m3", "2 instructions; write H100:e4m3:wgmma or H100:e4m3:mma"),
        ("H100:e4m3:mna", "unknown instruction of H100:e4m3 'mna'; known: wgmma, mma"),
        ("B200:e2m1:mxf4", "unknown instruction of B200:e2m1 'mxf4'; known: mxf8f6f4"),
        ("B200:e2m1:", "unknown instruction of B200:e2m1 ''; known: mxf8f6f4"),
        ("B200:e4m3:mxf8f6f4,k_block=32", "scales are one chain; leave out k_block"),
        ("H100:fp16:mma", "has one instruction, got 'mma'; write H100:fp16"),
        ("A100:fp16,k_blok=3", "did you mean 'k_block'"),
        ("A100:fp16,k_block", "k_block has no value"),
        ("A100:fp16,k_block=0", "k_block is an integer from 1"),
        ("A100:fp16,k_block=\uff11", "k_block is an integer from 1"),
        ("A100:fp16,split_k=2,split_k=3", "split_k is given twice"),
        ("A100:fp16,order=pairwise", "order is that of ranges of k; give split_k"),
        ("A100:fp16,split_k=2,order=tree", "unknown order 'tree'; known: ascending, pairwise"),
        ("A100:fp16,model=fasi", "unknown model 'fasi'; known: km, mma"),
        ("A100:fp16,group=3", "unknown option of 'A100:fp16' 'group'"),
        ("blockfma", "lacks group"),
        ("blockfma:group=8", "lacks fraction_bits"),
        ("blockfma:group=0,fraction_bits=24", "group is an integer from 1"),
        ("blockfma:group=512,fraction_bits=48", "give fewer fraction_bits"),
        ("blockfma:group=8,fraction_bits=9,operands=fp64", "unknown operands 'fp64'"),
        ("blockfma:group=8,fraction_bits=9,result=up", "unknown result 'up'; known: toward_zero"),
        ("blockfma:group=2,fraction_bits=9,k_order=0-1-1", "k_order takes each of 0 to N-1 once"),
        ("blockfma:group=2,fraction_bits=9,k_order=0-1-2", "N a multiple of group"),
        ("blockfma:group=2,fraction_bits=9,output=fp16,result_precision=12", "is 1 to 11, got 12"),
    ],
)
def test_errors_say_what_to_write(name, message):
    with pytest.raises(nl.NumleanError, match=message) as caught:
        nl.get_matrix_unit(name)
    assert "\n" not in str(caught.value)
