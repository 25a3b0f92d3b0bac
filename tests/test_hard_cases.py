"""float64 where rounding is hardest: published cases, whose exact results are nearest to a tie."""

from __future__ import annotations

import numpy as np
import pytest
from exact import MP, Formula, exact, formula_of, ulp_errors
from support import Array, activate, every_isa, limit

from fastnn._core.dispatch import kernels

# Lefèvre & Muller, Worst cases for correct rounding of the elementary functions in double precision
# (ARITH-15, 2001; revised 2003), table 4, and some of Lefèvre's and Zimmermann's later lists.
EXP = """
 -0x1.ed318efb627eap-27 -0x1.4000000000032p-46 -0x1.0000000000001p-51 0x1.fffffffffffffp-53
0x1.fffffffffff80p-46 0x1.1ffffffffffafp-45 0x1.83d4bcdebb3f4p+2 0x1.9e9cbbfd6080bp-31 0x1.0122ef37212ebp-1
0x1.0420cae31f66ep-1 0x1.0addd48128974p-1 0x1.0e362e0f3d02dp-1 0x1.1058a8cd8e069p-1 0x1.13636533a411bp-1
0x1.18b6279561da9p-1 0x1.1eb94cea3566dp-1 0x1.26f599086bff6p-1 0x1.2be573b52c366p-1 0x1.3038fdc454b05p-1
0x1.38542927a91ffp-1 0x1.3fb1865b6cd8dp-1 0x1.494dbdfb909dcp-1 0x1.5264e02af85dap-1 0x1.5c0d9c7469a4dp-1
0x1.65cf0e8947e76p-1 0x1.6ed9a41efaaa6p-1 0x1.789a65fd0f40ep-1 0x1.829d6accd53d8p-1 0x1.8bf07b05c4a5bp-1
0x1.967b7b14a2e6ep-1 0x1.a3e9374461d3dp-1 0x1.b05a41c722ff0p-1 0x1.c01a3eff3c558p-1 0x1.d086543694c5ap-1
0x1.e0b89f4aa887cp-1 0x1.f20b8d1b84680p-1 0x1.fedc746ddf8fap-1 0x1.05439777ada1cp+0 0x1.0f67c115ce1dep+0
0x1.1aa1d673ff0d4p+0 0x1.2816b1dc57455p+0 0x1.35abff3cf7fc5p+0 0x1.4155ce51705aap+0 0x1.5fce9c41fc648p+0
"""
TANH = """
 0x1.000b47bdb383fp-9 0x1.0017d47cec425p-12 0x1.002b19915b12bp-7 0x1.004524207fad9p-3 0x1.008054cd28fecp-14
0x1.00a0f3cf999acp+2 0x1.00aa39615214dp-23 0x1.00d1fe3a79742p-20 0x1.015bdb2761717p+4 0x1.015cee8026857p+1
0x1.01885ae3c818ap+0 0x1.018a1e31f3a2fp-4 0x1.01ae2526d9494p+2 0x1.023a46b7d866cp-6 0x1.028bf1d22b07dp-2
0x1.02a3ad2ef6f49p-24 0x1.044c92ca23556p-2 0x1.047fbf497205ep-5 0x1.0481dc5df327dp-1 0x1.0487b6ec9ca7ap+4
0x1.055473494e40dp+0 0x1.0700e7095831cp+1 0x1.097519f44243fp+3 0x1.0a402fcc79292p-25 0x1.0b15623004e51p+3
0x1.0d41eb28cc1cfp+4 0x1.0d4e2911ff0a4p+3 0x1.0e000000280b9p-16 0x1.102364be9024bp+3 0x1.11e69aaa0667cp-2
0x1.122eff025fabep+4 0x1.1375c272d441cp+1 0x1.148aad4ce4b03p+2 0x1.182c66db27f97p+3 0x1.1b13762477316p+0
0x1.1dbc40acd591ap+2 0x1.1f682eb743999p+4 0x1.216adfdad76f7p+4 0x1.2460fe99636a9p-3 0x1.2aa080ce4fe9ep-5
0x1.2f64cc8f317d3p-13 0x1.30fc1931f09c8p+4 0x1.35d03e4a95c29p-13 0x1.3f9df30f8b0bap-12
"""


def numbers(text: str) -> Array:
    return np.array([float.fromhex(word) for word in text.split()])


CASES = np.concatenate([numbers(EXP), numbers(TANH), 2 * numbers(TANH), numbers(TANH) / 2])
EXP_FORMULA = Formula(lambda z: np.exp(-np.abs(z)), lambda z: MP.exp(-abs(z)))


@pytest.mark.parametrize("normal", [False, True])
@every_isa
def test_exp(isa: str, normal: bool) -> None:
    got = np.empty_like(CASES)
    kernels(np.float64, isa).exponential(CASES, got, normal)
    assert ulp_errors(got, EXP_FORMULA(CASES)).max() <= 1


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@every_isa
def test_activation(isa: str, name: str) -> None:
    for z in (CASES, -CASES):
        errors = ulp_errors(activate(isa, name, z), formula_of(name, CASES.dtype)(z))
        assert errors.max() <= limit(name, CASES.dtype)


@pytest.mark.parametrize("text", [EXP, TANH], ids=["exp", "tanh"])
def test_the_cases_are_hard(text: str) -> None:
    # Between two numbers, or on one, to 35 more bits than a float64 has.
    formula = MP.exp if text == EXP else MP.tanh
    z = numbers(text)
    values = np.array([formula(MP.mpf(v)) for v in z], object)
    off = exact(values, np.float64)
    from_tie = np.abs(off.fraction * 2 - np.round(off.fraction * 2))
    assert from_tie.max() < 2.0**-35
