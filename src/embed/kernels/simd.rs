use pulp::{Arch, WithSimd};

/// Runs an operation compiled for the widest vectors of this machine: AVX-512, AVX2 with FMA, NEON or none.
#[inline]
pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(test)]
    if let Some(arch) = tests::FORCED.get() {
        return arch.dispatch(op);
    }
    Arch::new().dispatch(op)
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use pulp::Arch;

    thread_local! {
        pub static FORCED: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    /// Runs a test once for every kind of vectors that this machine has, on one thread.
    pub fn on_every_machine(test: impl Fn() + Sync) {
        let mut machines = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        machines.extend(pulp::x86::V3::try_new().map(Arch::V3));
        for machine in machines {
            rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| {
                FORCED.set(Some(machine));
                test();
            });
        }
    }
}
