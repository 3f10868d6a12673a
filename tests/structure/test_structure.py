#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The structure of the sources: layers, names, symbols.

usage: test_structure.py ROOT CORE_ARCHIVE LIBRARY COMPILER

Prints a line for each rule, and what breaks it. Exit status 1 if anything does.
"""
import pathlib
import re
import subprocess
import sys

ROOT, CORE, LIBRARY, COMPILER = pathlib.Path(sys.argv[1]), *sys.argv[2:]

# From the bottom to the top: a file may include files of its own layer and of those below.
LAYERS = [
    r"common/.*",
    r"shim/(real|time64)\..*|shim/util/(clock|scatter)\.h",
    r"shim/fdtable\..*|shim/packet/.*",
    r"shim/process/.*",
    r"shim/util/.*",
    r"shim/netif/.*|shim/(nfnetlink|nflog|nfq)\..*",
    r"shim/trace/.*|shim/inject/.*|shim/bsd/.*",
    r"shim/divert/.*",
    r"shim/(wait|poll_kernel|fd_sets)\..*",
    r"shim/hook\.h|shim/[a-z0-9]+_hooks\.c",
    r"tools/divert-run/util/.*",
    r"tools/divert-run/rule/.*",
    r"tools/divert-run/language/.*",
    r"tools/divert-run/(ipfw|pf|plan)/.*",
    r"tools/divert-run/(nft|iptables)/.*",
    r"tools/divert-run/(events|status|script)/.*",
    r"tools/divert-run/[^/]*",
]
# The two halves share common/ and nothing else.
HALVES = ["shim/", "tools/"]

failures = 0


def report(rule, broken):
    global failures
    print(f"{'ok' if not broken else 'FAILED'}: {rule}")
    for line in sorted(broken):
        print(f"    {line}")
    failures += bool(broken)


def sources():
    for half in ("common", "shim", "tools"):
        for path in sorted((ROOT / half).rglob("*.[ch]")):
            yield path.relative_to(ROOT).as_posix()


FILES = list(sources())
TEXT = {name: (ROOT / name).read_text() for name in FILES}


def layer(name):
    for number, pattern in enumerate(LAYERS):
        if re.fullmatch(pattern, name):
            return number
    return None


def resolve(name, included):
    """The file that an include names, or None for a system header."""
    half = "shim" if name.startswith("shim/") else "tools/divert-run"
    for candidate in (included, f"{half}/{included}", f"{name.rsplit('/', 1)[0]}/{included}"):
        if candidate in TEXT:
            return candidate
    return None


INCLUDES = {
    name: [r for i in re.findall(r'^#include "([^"]+)"', TEXT[name], re.M) if (r := resolve(name, i))]
    for name in FILES
}


def check_layers():
    report("each file belongs to a layer", [n for n in FILES if layer(n) is None])
    report(
        "no include points up",
        [f"{n} includes {i}" for n in FILES for i in INCLUDES[n] if (layer(i) or 0) > (layer(n) or 0)],
    )
    report(
        "the library and divert-run share common/ alone",
        [f"{n} includes {i}" for n in FILES for i in INCLUDES[n]
         if not i.startswith("common/") and n.split("/")[0] != i.split("/")[0]],
    )
    report(
        "a folder's private header stays in the folder",
        [f"{n} includes {i}" for n in FILES for i in INCLUDES[n]
         if i.endswith("/private.h") and n.rsplit("/", 1)[0] != i.rsplit("/", 1)[0]],
    )


def check_circles():
    """A module is a header and its source."""
    needs = {}
    for name in FILES:
        module = name.rsplit(".", 1)[0]
        needs.setdefault(module, set()).update(i.rsplit(".", 1)[0] for i in INCLUDES[name])
    state, circles = {}, set()

    def visit(module, path):
        if state.get(module) == "done":
            return
        if module in path:
            circles.add(" -> ".join(path[path.index(module):] + [module]))
            return
        for other in sorted(needs.get(module, ())):
            if other != module:
                visit(other, path + [module])
        state[module] = "done"

    for module in sorted(needs):
        visit(module, [])
    report("no circle of includes", circles)


def check_heads():
    head = re.compile(r"/\* SPDX-License-Identifier: BSD-2-Clause \*/\n/\*[ \n]")
    report("each file begins with its licence and says what it is",
           [n for n in FILES if not head.match(TEXT[n])])
    tests = [p for e in ("c", "h", "sh", "py") for p in sorted((ROOT / "tests").rglob(f"*.{e}"))]
    report("each file of the tests begins with its licence",
           [p.relative_to(ROOT).as_posix() for p in tests
            if "SPDX-License-Identifier: " not in "".join(p.read_text().splitlines(True)[:3])])
    report("no file is longer than 500 lines",
           [f"{n}: {TEXT[n].count(chr(10))}" for n in FILES if TEXT[n].count("\n") > 500])


def check_names():
    where = {}
    for name in FILES:
        if not name.endswith(".c"):
            continue
        for function in re.findall(r"^static (?!inline)[^=;()]*?\b(\w+)\([^;]*?\)\s*\{", TEXT[name], re.M):
            where.setdefault(function, set()).add(name)
    report("a static function's name occurs once",
           [f"{f}: {' '.join(sorted(files))}" for f, files in where.items() if len(files) > 1])


TEST_FUNCTION = {"*.c": r"^START_TEST\((\w+)\)", "*.sh": r"^(test_\w+)\(\) \{$"}


def test_functions():
    """The places of each test function."""
    where = {}
    for pattern, function in TEST_FUNCTION.items():
        for path in sorted((ROOT / "tests").rglob(pattern)):
            for test in re.findall(function, path.read_text(), re.M):
                where.setdefault(test, []).append(path.relative_to(ROOT))
    return where


def check_test_names():
    """Test functions have unique names, so that tests/run and grep find one."""
    report("a test function's name occurs once",
           [f"{t}: {' '.join(map(str, files))}" for t, files in test_functions().items() if len(files) > 1])


def check_documented_tests():
    """Full names: files, functions, and ctest's names; after `FILE: TEST`, `TEST` is one of FILE."""
    functions, files, missing = test_functions(), {p.name for p in (ROOT / "tests").rglob("test_*.*")}, set()
    ctest = {test for path in (ROOT / "tests").rglob("CMakeLists.txt")
             for test in re.findall(r"\btest_\w+", path.read_text())}
    known = {*functions, *files, *ctest, *(f.rsplit(".", 1)[0] for f in files)}
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = path.read_text()
        missing.update(f"{path.name}: {test}"
                       for test in re.findall(r"\btest_[\w*]*(?:\.{3}|\.\w+)?", text) if test not in known)
        for file, tests in re.findall(r"`(?:unit/)?(\w+)(?:\.sh)?: (\w+`(?:, `\w+`)*)", text):
            missing.update(f"{path.name}: {file}: {test}" for test in re.findall(r"\w+", tests)
                           if file not in [f.stem for f in functions.get(test, ())] and test not in ctest)
    report("each test that a document names exists", missing)


# Of crti.o, where musl does not hide them.
STARTUP = {"_init", "_fini"}

# Also part of divert-run, which has no hooks; the descriptors that it opens are not the program's.
SHARED_OBJECTS = {"trace_open.c.o"}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def nm(*arguments):
    names, skip = set(), False
    for line in filter(None, output_of("nm", *arguments).splitlines()):
        if line.endswith(":"):
            skip = line[:-1] in SHARED_OBJECTS
        elif not skip and not line.endswith("@GLIBC_PRIVATE"):
            names.add(line.split()[-1].split("@")[0])
    return names


def is_32_bits(path):
    return pathlib.Path(path).read_bytes()[4] == 1


def hooks():
    """The functions that the library hooks. Those of 64-bit time are for 32-bit programs."""
    found, other = set(), re.compile(r"^#ifdef HAVE_TIME64$.*?^#endif$", re.M | re.S)
    for name in FILES:
        if name.endswith("_hooks.c") and (name != "shim/time64_hooks.c" or is_32_bits(LIBRARY)):
            text = TEXT[name] if is_32_bits(LIBRARY) else other.sub("", TEXT[name])
            found.update(re.findall(r"^HOOK [^;{=()]*?\b(\w+)\(", text, re.M))
            found.update(re.findall(r"^HOOK_[A-Z]+\((\w+)\)", text, re.M))
    return found


def check_symbols():
    names = hooks()
    report("there are hooks", [] if len(names) > 80 else [f"{len(names)} found"])
    report("the library exports its hooks", names - nm("-D", "--defined-only", LIBRARY))
    report("and nothing else", nm("-D", "--defined-only", LIBRARY) - names - STARTUP)
    report("what is behind the hooks calls none of the functions that are caught",
           names & nm("-u", CORE))


# The name that the C library gives a call in fortified programs, in those with large files or
# 64-bit time, and its own name for it: __ppoll64_chk, __fstat64_time64, __read.
CALL_OF_NAME = re.compile(r"(?:__)?(.+?)(?:64)?(?:_time64|_chk)?")
# A system call of Linux of old; sysctl is a call of BSD.
OTHER_CALLS = {"__sysctl"}


def c_library():
    """The C library that the linker takes for the library's programs."""
    needed = re.search(r"\(NEEDED\).*\[(libc\..*)\]", output_of("readelf", "-d", LIBRARY))[1]
    linked = output_of(COMPILER, "-shared", "-o", "/dev/null", "-x", "c", "/dev/null", "-Wl,--trace")
    return next(file for file in linked.splitlines() if file.endswith("/" + needed))


def check_names_of_libc():
    names = hooks()
    calls = {CALL_OF_NAME.fullmatch(name)[1] for name in names}
    offered = nm("-D", "--defined-only", c_library()) - OTHER_CALLS
    report("the C library has no other name of a call that is caught",
           {n for n in offered - names if CALL_OF_NAME.fullmatch(n)[1] in calls})


check_layers()
check_circles()
check_heads()
check_names()
check_test_names()
check_documented_tests()
check_symbols()
check_names_of_libc()
sys.exit(1 if failures else 0)
