"""Counting instructions in machine code, on a piece of it that is written here."""

from loop_instructions import busiest_loop, inner_loops

CODE = """
f:
	.cfi_startproc
	xorl	%eax, %eax
.L1:
	vmovups	(%rsi), %ymm1
.L2:                                    # the inner loop
	vbroadcastss	(%rdi,%rax), %ymm0
	vmulps	%ymm0, %ymm1, %ymm2
	vaddps	%ymm2, %ymm3, %ymm3
	vfmadd231ps	4(%rdi,%rax), %ymm1, %ymm4
	vmovaps	%ymm4, 32(%rsp)
	leaq	8(%rax,%rax), %rax
	incq	%rcx
	jne	.L2
	decq	%rdx
	jne	.L1
	retq
.L3:
	vmulps	%xmm0, %xmm1, %xmm2
	jmp	.L3
"""


def test_the_inner_loop_with_the_most_products_is_found_and_counted():
    first, second = inner_loops(CODE)
    assert second.names == {"vmulps": 1, "jmp": 1}
    loop = busiest_loop(CODE)
    assert loop == first
    assert (loop.bits, loop.products, loop.sums, len(loop.lines)) == (256, 2, 1, 8)
    assert (loop.loads, loop.vectors, loop.spills) == (2, 5, 1)


def test_code_without_products_has_no_such_loop():
    assert busiest_loop("f:\n.L1:\n\tincq\t%rax\n\tjne\t.L1\n") is None
