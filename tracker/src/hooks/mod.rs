//! The exported functions: forward, then tell.
//!
//! Each entry passes its own return address on, so that what a library allocates is told apart from what others do.

pub(crate) mod call;
mod endings;
mod exec;
mod heap;
mod mappings;
mod threads;

/// Defines an exported function that calls `$target` with its own arguments and its return address as one more.
///
/// Naked, as the return address cannot be had otherwise on stable Rust: the arguments stay in their registers, the
/// address goes into the next one.
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $x86:literal, $arm:literal, $target:path) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As the C function's own.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(concat!("mov ", $x86, ", [rsp]"), "jmp {target}", target = sym $target);
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(concat!("mov ", $arm, ", x30"), "b {target}", target = sym $target);
        }
    };
}

pub(crate) use entry;
