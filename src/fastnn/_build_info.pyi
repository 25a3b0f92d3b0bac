ISAS: tuple[str, ...]
COMPILER: str
FLAGS: str
ISA_FLAGS: dict[str, str]
OPENMP: bool
