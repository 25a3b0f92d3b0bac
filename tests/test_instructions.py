"""Every module holds only instructions that its processors have, and needs the baseline alone to load."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fastnn._core.engine
from fastnn import _build_info

iced_x86 = pytest.importorskip("iced_x86")
elffile = pytest.importorskip("elftools.elf.elffile")

# By CpuidFeature of iced-x86. What CET_IBT adds is no-operations to older processors. XGETBV and CPUID are
# the questions of simd/cpu.h, the first asked only where the second allows it.
BASELINE = {"INTEL8086", "INTEL186", "INTEL386", "INTEL486", "FPU", "X64", "CMOV", "SSE", "SSE2"}
BASELINE |= {"MULTIBYTENOP", "PAUSE", "CET_IBT"}
AVX2 = BASELINE | {"AVX", "AVX2", "FMA"}
AVX512 = AVX2 | {"AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL"}
ALLOWED = {"scalar": BASELINE, "sse2": BASELINE, "avx2": AVX2, "avx512": AVX512}
OF_THE_REST = BASELINE | {"CPUID", "XSAVE"}
FEATURES = {value: name for name, value in vars(iced_x86.CpuidFeature).items() if isinstance(value, int)}
GOES_ON = {iced_x86.FlowControl.NEXT, iced_x86.FlowControl.CONDITIONAL_BRANCH, iced_x86.FlowControl.CALL}
GOES_ON |= {iced_x86.FlowControl.INDIRECT_CALL}

CORE = Path(fastnn._core.engine.__file__).parent
MODULES = sorted([*CORE.glob("*.so"), *(CORE / "isa").glob("*.so")])


class Module:
    """A shared object's instructions."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = elffile.ELFFile(file)
            self.machine = elf["e_machine"]
            executable = (
                s for s in elf.iter_sections() if s["sh_flags"] & 4 and s["sh_type"] == "SHT_PROGBITS"
            )
            self.code = {section["sh_addr"]: section.data() for section in executable}
            self.initialisers = list(initialisers(elf))

    def instructions(self) -> Iterator[Any]:
        """Yield all of them, one section after the other."""
        for start, code in self.code.items():
            yield from iced_x86.Decoder(64, code, ip=start)

    def run_when_loaded(self) -> Iterator[Any]:
        """Yield what the static initialisers reach by direct jumps and calls."""
        ahead, seen = list(self.initialisers), set()
        while ahead:
            address = ahead.pop()
            while address not in seen:
                seen.add(address)
                instruction = self.at(address)
                yield instruction
                target = instruction.near_branch_target
                if target:
                    ahead.append(target)
                if instruction.flow_control not in GOES_ON:
                    break
                address = instruction.next_ip

    def at(self, address: int) -> Any:
        for start, code in self.code.items():
            if start <= address < start + len(code):
                return iced_x86.Decoder(64, code[address - start :][:16], ip=address).decode()
        raise AssertionError(f"{address:#x} is no code")


def initialisers(elf: Any) -> Iterator[int]:
    """Yield the addresses of the functions that the loader calls."""
    dynamic = elf.get_section_by_name(".dynamic")
    tags = {tag.entry.d_tag: tag.entry.d_val for tag in dynamic.iter_tags()}
    if "DT_INIT" in tags:
        yield tags["DT_INIT"]
    first = tags.get("DT_INIT_ARRAY", 0)
    places = range(first, first + tags.get("DT_INIT_ARRAYSZ", 0), 8)
    relocations = elf.get_section_by_name(".rela.dyn")
    symbols = elf.get_section(relocations["sh_link"])
    for relocation in relocations.iter_relocations():
        if relocation["r_offset"] in places:
            yield relocation["r_addend"] + symbols.get_symbol(relocation["r_info_sym"])["st_value"]


def features(instructions: Iterable[Any]) -> set[str]:
    return {FEATURES[feature] for instruction in instructions for feature in instruction.cpuid_features()}


READABLE = sys.platform == "linux" and MODULES and Module(MODULES[0]).machine == "EM_X86_64"
pytestmark = pytest.mark.skipif(not READABLE, reason="reads ELF modules for x86-64")
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name.partition(".")[0])


def allowed(path: Path) -> set[str]:
    return ALLOWED[path.name.partition("_")[0]] if path.parent.name == "isa" else OF_THE_REST


def test_all_modules_are_there() -> None:
    kernels = {f"{isa}_f{bits}" for isa in _build_info.ISAS for bits in (32, 64)}
    assert {path.name.partition(".")[0] for path in MODULES} == {"dispatch", "engine"} | kernels


@every_module
def test_no_instruction_above(path: Path, record_property: Callable[[str, object], None]) -> None:
    instructions = list(Module(path).instructions())
    assert features(instructions) <= allowed(path)
    assert not any(instruction.is_invalid for instruction in instructions)
    record_property("modules decoded", 1)
    record_property("instructions decoded", len(instructions))


@every_module
def test_the_baseline_suffices_to_load(path: Path) -> None:
    module = Module(path)
    assert module.initialisers
    assert features(module.run_when_loaded()) <= OF_THE_REST


@pytest.mark.parametrize(("isa", "feature"), [("avx2", "FMA"), ("avx512", "AVX512F")])
def test_what_is_used_is_seen(isa: str, feature: str) -> None:
    for path in (CORE / "isa").glob(f"{isa}_*.so"):
        assert feature in features(Module(path).instructions())


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_an_initialiser_is_seen(tmp_path: Path) -> None:
    source, module = tmp_path / "early.c", tmp_path / "early.so"
    source.write_text(
        "double x;\n"
        "static __attribute__((noinline)) void deeper(void) { x = x * 3 + 1; }\n"
        "__attribute__((constructor)) void early(void) { if (x < 2) deeper(); x += 4; }\n"
    )
    for flags, expected in (([], False), (["-mavx2"], True)):
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", *flags, "-o", module, source], check=True)
        assert ("AVX" in features(Module(module).run_when_loaded())) is expected
