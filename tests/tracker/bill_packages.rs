//! Bills of packages that nobody here wrote, with allocators and models of their own: the lines add up, and what a load
//! added has a line. Run by `.ci/full`.

use leakgate::profile::{Bill, BillMoment, LineKind};

use crate::bill::{bill, line};
use crate::harness::{Run, folder};
use crate::python;

const MB: u64 = 1_000_000;

/// A load, what it must show, and the least of it.
struct Load {
    name: &'static str,
    code: &'static str,
    kind: LineKind,
    /// A part of the library's name, for lines that are one's.
    of: &'static str,
    least: u64,
}

/// The peak's figures in a comment: what the load holds by its own account.
const LOADS: &[Load] = &[
    Load {
        name: "numpy",
        code: "import numpy\nkept = numpy.ones(10_000_000)",
        kind: LineKind::Heap,
        of: "",
        least: 80 * MB,
    },
    Load {
        name: "pyarrow, through malloc",
        code: "import pyarrow\nkept = pyarrow.array(range(4_000_000))\nassert pyarrow.default_memory_pool().backend_name == 'system'",
        kind: LineKind::Heap,
        of: "",
        least: 32 * MB,
    },
    Load {
        name: "pyarrow, by its own allocator",
        code: "import pyarrow\npool = pyarrow.mimalloc_memory_pool()\nkept = pyarrow.array(range(4_000_000), memory_pool=pool)\nassert pool.bytes_allocated() >= 32_000_000",
        kind: LineKind::OwnAllocator,
        of: "libarrow",
        least: 32 * MB,
    },
    Load {
        name: "polars",
        code: "import polars\nkept = polars.DataFrame({'a': range(4_000_000)}).with_columns(b=polars.col('a') * 2)",
        kind: LineKind::OwnAllocator,
        of: "polars",
        least: 64 * MB,
    },
    Load {
        name: "sqlite3",
        code: "import sqlite3\nkept = sqlite3.connect(':memory:')\nkept.execute('create table t(a)')\nkept.executemany('insert into t values (?)', (('x' * 200,) for _ in range(100_000)))",
        kind: LineKind::Heap,
        of: "",
        least: 20 * MB,
    },
    Load {
        name: "pandas",
        code: "import numpy, pandas\nkept = pandas.DataFrame({'a': numpy.arange(4_000_000), 'b': numpy.arange(4_000_000) * 0.5})",
        kind: LineKind::Heap,
        of: "",
        least: 64 * MB,
    },
    Load {
        name: "onnxruntime, with the model that magika carries",
        code: "import magika\nkept = magika.Magika()\nassert kept.identify_bytes(b'import os\\n' * 50).output.label == 'python'",
        kind: LineKind::File,
        of: "onnxruntime",
        least: 10 * MB,
    },
];

#[test]
#[ignore = "installs packages from the package index"]
fn what_a_load_adds_has_a_line_or_a_library() {
    let python = python::newest();
    let folder = folder();
    for package in ["numpy", "pyarrow", "polars", "pandas", "magika"] {
        python.install(package, folder.path()).unwrap();
    }
    let run = |code: &str| -> Run { python.run(&["-c", code]).env("PYTHONPATH", folder.path()) };
    let plain = end_of(&run("pass"));
    for Load { name, code, kind, of, least } in LOADS {
        let loaded = end_of(&run(code));
        let lines = loaded.lines.iter().filter(|line| line.kind == *kind && line.name.contains(of));
        let shown: u64 = lines.map(|line| line.bytes).sum();
        assert!(shown >= *least, "{name}: {shown} of {least}: {loaded:#?}");
        let added = loaded.resident - plain.resident;
        let without = line(&loaded, LineKind::Unknown).saturating_sub(line(&plain, LineKind::Unknown));
        assert!(without <= added / 20, "{name}: {without} of {added} cannot be attributed: {loaded:#?}");
    }
}

/// The bill of the end of a run. It adds up to within 2 % of the kernel's own count, or this panics.
fn end_of(run: &Run) -> Bill {
    let recording = run.record().ended_well();
    bill(recording.first(), BillMoment::End).clone()
}
