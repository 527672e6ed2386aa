//! Stand-in for the real build script, to be dropped: a library that only leaves an empty process file.
use std::{env, fs, path::Path, process::Command};
fn main() -> std::io::Result<()> {
    let out = env::var_os("OUT_DIR").ok_or(std::io::ErrorKind::NotFound)?;
    let source = Path::new(&out).join("standin.c");
    fs::write(&source, STANDIN)?;
    let library = Path::new(&out).join("libleakgate.so");
    Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(library).arg(source).arg("-ldl").status()?;
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
const STANDIN: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <fcntl.h>
__attribute__((constructor)) static void start(void) {
    Dl_info info; char path[4096], capture[4096], file[8300];
    if (!dladdr((void *)start, &info)) return;
    snprintf(path, sizeof path, "%s", info.dli_fname);
    strcpy(strrchr(path, '/') + 1, "settings");
    FILE *in = fopen(path, "r");
    if (!in || fscanf(in, "capture=%4095[^\n]", capture) != 1) return;
    fclose(in);
    for (int n = 0; ; n++) {
        snprintf(file, sizeof file, "%s/process-%d-%d.lgp", capture, getpid(), n);
        int fd = open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) { if (n > 20) return; continue; }
        ftruncate(fd, 4096);
        uint64_t *head = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        head[1] = 1;
        memcpy(head, "LEAKGATE", 8);
        close(fd);
        return;
    }
}
"#;
