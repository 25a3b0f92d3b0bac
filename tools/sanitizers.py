"""The tools of tools/sanitize.py: how each builds, runs and reports, what it can't run and must see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# A frame in one of fastnn's modules, with or without the lines of its source.
OURS = r"__pyx_|/fastnn/_core/|\((?:engine|dispatch|faults|\w+_f(?:32|64))\.c"
# One that is where memory is read or written, itself or by a function of the C library.
TOUCHES = rf"#0 [^\n]*(?:{OURS})|#0 (?:mem\w+|malloc|calloc|free) [^\n]*\n\s+#1 [^\n]*(?:{OURS})"


@dataclass(frozen=True)
class Tool:
    """How to build for a tool, run under it, and what its report of an error begins with."""

    compiler: str
    flags: str
    report: re.Pattern[str]
    needs: str  # packages of Debian
    environment: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()  # gcc's libraries
    wrapper: tuple[str, ...] = ()
    # What a report that counts has in it.
    ours: str = OURS
    # Tests that can't run under it: why, and which.
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """A deliberate fault, and what each tool that is there to find its kind says of it."""

    kind: str
    function: str  # of tools/faults.pyx
    says: dict[str, str]


# What docs/reliability.md promises that there is none of.
CONTROLS = (
    Control("bad access", "bad_access", {"asan": "heap-buffer-overflow", "valgrind": "Invalid read"}),
    Control("undefined behaviour", "undefined", {"ubsan": "load of misaligned address"}),
    Control("leak", "leak", {"asan": "Direct leak of", "valgrind": "definitely lost"}),
    Control("race", "race", {"tsan": "data race"}),
    Control("use of what was never written", "uninitialised", {"valgrind": "uninitialised value"}),
)

LIMITED = ("tests/test_threads.py::test_more_threads_than_can_be_started",)
SMALL_STACKS = ("tests/test_small_stacks.py::test_small_stacks",)
BUSY_EXIT = ("tests/stress/test_calls.py::test_exit_while_busy",)
THREAD_LIMIT = tuple(
    f"tests/test_threads.py::TestThreadsThatACallStarts::test_environment[{case}]"
    for case in ("limit-of-1", "limit-of-1-for-2")
)
FORKS = (
    "tests/test_processes.py::TestFork::test_in_another_thread_than_the_one_that_computed",
    "tests/test_processes.py::TestFork::test_pool",
    "tests/stress/test_prefork.py::test_pool[fork]",
    "tests/stress/test_prefork.py::test_forks[prefork]",
)
CONTROL_C = ("tests/stress/test_calls.py::test_control_c_stops_a_long_call",)
RACES = (
    "tests/hostile/test_bad_input.py::test_inputs_changed_in_the_middle_cannot_crash",
    *CONTROL_C,
)
GUARD_PAGES = ("tests/test_guard.py::TestGuardPages::test_the_guards_bite",)
SCRATCH = (
    "tests/test_processes.py::test_scratch_is_bounded",
    "tests/test_scaling.py::test_rows_runs_and_reports",
)
MEMORY = (
    *SCRATCH,
    "tests/test_processes.py::test_memory_does_not_grow",
    "tests/test_processes.py::test_scratch_of_shared_rows_is_bounded",
    "tests/hostile/test_leaks.py::test_memory_stays",
    "tests/test_predict_process.py::test_memory_does_not_grow_with_the_file",
    "tests/models/test_predict_arrow.py::test_memory_does_not_grow_with_the_file",
)
NO_MEMORY = ("tests/hostile/test_out_of_memory.py::test_a_limit_on_memory",)
NO_OPENMP = ("tests/test_setup.py::test_a_build_that_must_have_openmp",)
PEERS = ("tests/test_peers.py::test_it_runs_and_reports",)
FUZZER = ("tests/test_tools.py::test_a_fuzzer_that_makes_no_call",)
CLUSTER = (
    "tests/models/test_dask.py::TestCluster::test_a_worker_gets_the_network_once",
    "tests/models/test_dask.py::TestCluster::test_the_bits_are_the_same_after_a_worker_was_killed",
)
LITTLE_SPENT = (
    "tests/models/test_limits.py::test_a_large_file",
    "tests/models/test_onnx_limits.py::test_many_constants_pay_for_layers_only",
    "tests/models/test_onnx_damaged.py::test_little_is_spent_on_what_asks_for_much",
    "tests/models/test_onnx_limits.py::test_more_work_than_the_file_holds",
    "tests/test_json.py::test_hostile_text_is_refused_in_time",
)
BENCHMARK = ("tests/test_bench.py::test_the_command",)
ONE_MORE = ("tests/test_instructions.py::test_all_modules_are_there",)
COMPILERS = (
    "tests/test_fast_math.py::TestBuild::test_flags_for_fast_math_are_refused",
    "tests/test_fast_math.py::TestBuild::test_a_script_that_adds_such_flags_is_refused",
)

SWEEPS = ("tests/exhaustive/test_exhaustive.py::test_limits_are_kept",)
TRACED = ("tests/test_streaming.py::test_memory_stays",)
MODES = ("tests/test_process_state.py::test_the_modes_are_really_on",)
SIGNS_OF_ZERO = (
    "tests/test_golden.py::test_results_are_as_ever",
    *(
        f"tests/test_edge_cases.py::TestElementwise::{test}[{isa}-float64-selu]"
        for test in ("test_edges_in_every_lane", "test_edges_as_the_reference")
        for isa in ("avx2", "scalar")
    ),
)

TOOLS = {
    "asan": Tool(
        compiler="gcc",
        flags="-fsanitize=address -fno-omit-frame-pointer -O1 -g1",
        report=re.compile(r"ERROR: AddressSanitizer|^(Direct|Indirect) leak of", re.M),
        needs="gcc",
        # What hangs on a lost object is lost with it: the direct leak says whose that was.
        ours=rf"\A(?!Indirect leak)[\s\S]*?(?:{OURS})",
        # It looks for what throws C++ exceptions when it starts, and ends a program that throws one without.
        preload=("libasan.so", "libstdc++.so"),
        environment={
            "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:"
            "log_path={logs}/asan",
            # What Python and NumPy leave behind at their end is reported too, but doesn't count.
            "LSAN_OPTIONS": "exitcode=0:print_suppressions=0",
            # Every object in memory of its own.
            "PYTHONMALLOC": "malloc",
        },
        left_out={
            "its shadow memory is beyond any limit": LIMITED,
            "its frames outgrow a stack of 64 KiB": SMALL_STACKS,
            "calls that are under way at the end hold memory": BUSY_EXIT,
            "it keeps freed memory for a while": MEMORY,
            "it takes more time and memory": LITTLE_SPENT,
            "compilers run under it too, for minutes": COMPILERS,
            "the module of faults is one more": ONE_MORE,
            "libraries of others end the program": PEERS,
            "libFuzzer looks for leaks under it, and finds Python's": FUZZER,
            "it is too slow for the short benchmark": BENCHMARK,
            "its kernels are too slow to look at signals within a second": CONTROL_C,
            "it takes the signal of a guard page, and ends with an exit code": GUARD_PAGES,
        },
    ),
    # A build of its own: both libraries set the path of their log in the one that is loaded first, so beside
    # libasan libubsan would write to stderr, which pytest keeps from sight.
    "ubsan": Tool(
        compiler="gcc",
        flags="-fsanitize=undefined -fno-omit-frame-pointer -O1 -g1",
        report=re.compile(r"runtime error:"),
        needs="gcc",
        environment={"UBSAN_OPTIONS": "print_stacktrace=1:log_path={logs}/ubsan"},
        left_out={
            "the module of faults is one more": ONE_MORE,
            "it is too slow for the short benchmark": BENCHMARK,
            "its code takes more memory than the tests allow": SCRATCH,
            "its code takes more time than the tests allow": LITTLE_SPENT,
        },
    ),
    "tsan": Tool(
        compiler="clang",
        flags="-fsanitize=thread -g1 -O1",
        report=re.compile(r"WARNING: ThreadSanitizer|FATAL: ThreadSanitizer", re.M),
        needs="clang libomp-dev gcc",
        # libomp sets up its own locks under other ones than pthread's; whose the memory is doesn't matter.
        ours=rf"\A(?:(?!\n  Location is )[\s\S])*?(?:{TOUCHES})",
        # Not clang's own: that of clang 14 ends a Python that it is loaded into by a segmentation fault.
        preload=("libtsan.so",),
        wrapper=("setarch", "-R"),  # its shadow memory has a fixed place
        environment={
            # Archer tells it of OpenMP's forks, joins and barriers. It looks for an option that is 1, else it
            # prints advice where tests expect silence; the sanitizer takes the last value.
            "TSAN_OPTIONS": "exitcode=0:allocator_may_return_null=1:log_path={logs}/tsan:"
            "ignore_noninstrumented_modules=1:ignore_noninstrumented_modules=no",
            "OMP_TOOL_LIBRARIES": "{archer}",
        },
        left_out={
            "its shadow memory is beyond any limit": LIMITED,
            "its OpenMP is clang's, which prints a warning of this limit": THREAD_LIMIT,
            "it has no threads in a child that is forked beside threads": FORKS,
            "it keeps much memory": MEMORY,
            "its code takes more time than the tests allow": LITTLE_SPENT,
            "it ends the program where its own memory runs out": NO_MEMORY,
            "compilers run under it too": (*COMPILERS, *NO_OPENMP),
            "threads write to the same rows on purpose": RACES,
            "the module of faults is one more": ONE_MORE,
            "libraries of others end the program": (*PEERS, *CLUSTER),
            "it takes the signal of a guard page, and ends without one": GUARD_PAGES,
        },
    ),
    "valgrind": Tool(
        compiler="gcc",
        flags="-g1",  # for its reports alone: the code is the usual one
        report=re.compile(
            r"^==\d+== (?=Invalid|Conditional|Use of|Syscall|Mismatched|Source and|\S+ bytes in)", re.M
        ),
        needs="gcc valgrind",
        wrapper=(
            *("valgrind", "--quiet", "--error-limit=no", "--num-callers=12", "--trace-children=no"),
            # Where memory was freed isn't noted down: that would take a quarter more time.
            *("--keep-stacktraces=alloc", "--leak-check=full", "--show-leak-kinds=definite"),
            "--log-file={logs}/valgrind.%p",
        ),
        environment={
            # Every object in memory of its own.
            "PYTHONMALLOC": "malloc",
            # What tests do many times, fewer times: under it all takes far longer.
            "FASTNN_STRESS_CALLS": "20",
            "FASTNN_HOSTILE_EXAMPLES": "5",
        },
        left_out={
            "CPython doesn't free what tracemalloc writes down": TRACED,
            "its fused multiply-add of doubles makes 0 of -0 and -0": SIGNS_OF_ZERO,
            "it rounds to nearest, whatever the process asks for": MODES,
            "its code takes more time than the tests allow": (*LITTLE_SPENT, *CONTROL_C),
            "its code takes more memory than the tests allow": MEMORY,
            "it is too slow for the short benchmark": BENCHMARK,
            "they are other tests' kernels, with many more values": SWEEPS,
            "the module of faults is one more": ONE_MORE,
        },
    ),
}
