//! What the machine tells of this process: processor time and memory. Zero where it tells nothing.

use std::time::Duration;

/// Processor time of all threads of this process, those that ended included.
pub(crate) fn process_cpu() -> Duration {
    #[cfg(unix)]
    {
        cpu(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
    }
    #[cfg(not(unix))]
    {
        Duration::ZERO
    }
}

/// Processor time of the thread that asks.
pub(crate) fn thread_cpu() -> Duration {
    #[cfg(unix)]
    {
        cpu(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
    }
    #[cfg(not(unix))]
    {
        Duration::ZERO
    }
}

#[cfg(unix)]
fn cpu(clock: nix::time::ClockId) -> Duration {
    nix::time::clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// Bytes of memory this process has resident.
pub(crate) fn resident() -> u64 {
    let kibibytes = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    kibibytes.unwrap_or(0) * 1_024
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_of_its_thread_and_of_the_process() {
        let (process, thread) = (process_cpu(), thread_cpu());
        while thread_cpu().saturating_sub(thread) < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(process_cpu().saturating_sub(process) >= Duration::from_millis(2));
        assert!(resident() > 0);
    }
}
