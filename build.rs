//! How the release binary is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    // A position-independent executable of this size has a hundred thousand addresses
    // to correct before `main`: most of the time of a short command. Go's programs are linked
    // the same way, for the same reason.
    let is_glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if is("PROFILE", "release") && is_glibc {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
