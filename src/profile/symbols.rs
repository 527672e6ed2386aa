//! From a native address to module and symbol, by the ELF files that the process had mapped.

use std::collections::HashMap;
use std::fs;

use leakgate_capture::ModuleRecord;
use leakgate_capture::read::File;
use object::{Object, ObjectSegment, ObjectSymbol};

use super::model::Frame;

/// Larger files are not read for names.
const MAX_FILE: u64 = 2 << 30;

/// The symbols of the modules of one process, read as they are asked for.
pub(super) struct Symbols<'a> {
    file: &'a File,
    tables: HashMap<String, Table>,
}

/// A module's functions, sorted by address, and where its segments lie.
#[derive(Default)]
struct Table {
    functions: Vec<(u64, u64, String)>,
    /// File offset, length and address of each segment.
    segments: Vec<(u64, u64, u64)>,
}

impl<'a> Symbols<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Symbols { file, tables: HashMap::new() }
    }

    /// The frame of a return address.
    pub(super) fn frame(&mut self, address: u64) -> Frame {
        let holds = |module: &&ModuleRecord| (module.start..module.end).contains(&address);
        let Some(module) = self.file.modules.iter().rev().find(holds) else {
            return Frame::Native { module: String::new(), symbol: String::new(), offset: address };
        };
        let path = self.file.string(module.path).into_owned();
        let offset = address - module.start + module.offset;
        let table = self.tables.entry(path.clone()).or_insert_with(|| Table::read(&path).unwrap_or_default());
        // The call is before the address it returns to.
        let symbol = table.function_at(offset.saturating_sub(1)).unwrap_or_default();
        Frame::Native { module: path, symbol, offset }
    }
}

impl Table {
    fn read(path: &str) -> Option<Table> {
        let metadata = fs::metadata(path).ok()?;
        // The path comes from the capture: a device or a pipe would never end.
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return None;
        }
        let bytes = fs::read(path).ok()?;
        let elf = object::File::parse(&*bytes).ok()?;
        let mut functions: Vec<(u64, u64, String)> = elf
            .symbols()
            .chain(elf.dynamic_symbols())
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.address() != 0)
            .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?.to_owned())))
            .collect();
        functions.sort();
        let segments = elf.segments().map(|segment| {
            let (offset, length) = segment.file_range();
            (offset, length, segment.address())
        });
        Some(Table { segments: segments.collect(), functions })
    }

    /// The demangled name of the function at an offset of the file.
    fn function_at(&self, offset: u64) -> Option<String> {
        let (start, _, address) =
            self.segments.iter().find(|(start, length, _)| (*start..start + length).contains(&offset))?;
        let address = offset - start + address;
        let behind = self.functions.partition_point(|(start, _, _)| *start <= address);
        let (start, size, name) = self.functions.get(behind.checked_sub(1)?)?;
        (address < start + (*size).max(1)).then(|| demangled(name))
    }
}

fn demangled(name: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}");
    }
    // A C function may be named like a mangled type: `w` is one.
    if !name.starts_with("_Z") {
        return name.to_owned();
    }
    match cpp_demangle::Symbol::new(name).ok().and_then(|symbol| symbol.demangle().ok()) {
        Some(cpp) => cpp.to_string(),
        None => name.to_owned(),
    }
}
