//! Statistics: medians, percentiles, means and slopes of measurements.

use std::time::Duration;

/// Results of one run of one subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// CPU seconds a second, all of the subject's processes; `None` when its processes are not visible to us.
    pub cores: Option<f64>,
    /// Peak resident memory of the same processes, MiB.
    pub peak_mib: Option<f64>,
    /// CPU of Tilecast's worker alone, cores.
    pub worker_cores: Option<f64>,
    /// Resident memory of the worker alone at the end, MiB.
    pub worker_mib: Option<f64>,
    /// The worker's predicted use, cores and MiB.
    pub quoted: Option<(f64, f64)>,
    /// Pictures a second at a player.
    pub fps: f64,
    /// Frames missing from the program's timestamps.
    pub missing: u64,
    /// For each picture, the time from its departure at its participant to its arrival at the player.
    pub ages: Vec<Duration>,
}

impl Figures {
    /// One result of several runs: means, the highest peak, the sum of missing frames.
    pub fn pooled(runs: Vec<Self>) -> Self {
        let count = runs.len().max(1) as f64;
        let mut pooled = Self::default();
        for run in runs {
            pooled.cores = run.cores.map(|cores| pooled.cores.unwrap_or(0.0) + cores / count).or(pooled.cores);
            pooled.peak_mib = run.peak_mib.map(|peak| pooled.peak_mib.unwrap_or(0.0).max(peak)).or(pooled.peak_mib);
            let worker_cores = run.worker_cores.map(|cores| pooled.worker_cores.unwrap_or(0.0) + cores / count);
            pooled.worker_cores = worker_cores.or(pooled.worker_cores);
            pooled.worker_mib =
                run.worker_mib.map(|mib| pooled.worker_mib.unwrap_or(0.0).max(mib)).or(pooled.worker_mib);
            pooled.quoted = run.quoted.or(pooled.quoted);
            pooled.fps += run.fps / count;
            pooled.missing += run.missing;
            pooled.ages.extend(run.ages);
        }
        pooled
    }
}

/// Median and 99th percentile of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub median: Duration,
    /// One in a hundred is longer.
    pub p99: Duration,
    /// Number of durations.
    pub count: usize,
}

impl Spread {
    /// `None` for an empty list.
    pub fn of(mut values: Vec<Duration>) -> Option<Self> {
        values.sort_unstable();
        let at = |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)));
        Some(Self { median: *at(0.5)?, p99: *at(0.99)?, count: values.len() })
    }
}

/// Slope of `y` over `x` by least squares; 0 for fewer than two points.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / n.max(1.0);
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let covariance: f64 = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mx).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// Milliseconds, to be read.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_hundredth() {
        let values: Vec<_> = (0..1000).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(values).expect("not empty");
        assert_eq!((spread.median.as_millis(), spread.p99.as_millis(), spread.count), (500, 990, 1000));
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(Spread::of(vec![Duration::from_millis(7)]).map(|s| s.p99.as_millis()), Some(7));
    }

    #[test]
    fn runs_are_pooled() {
        let run = |cores, peak| Figures {
            cores: Some(cores),
            peak_mib: Some(peak),
            worker_cores: Some(cores / 2.0),
            worker_mib: Some(peak / 2.0),
            quoted: Some((cores, peak)),
            fps: 30.0,
            missing: 1,
            ages: vec![Duration::ZERO],
        };
        let pooled = Figures::pooled(vec![run(0.25, 90.0), run(0.75, 80.0)]);
        let ages = vec![Duration::ZERO; 2];
        let wanted = Figures {
            cores: Some(0.5),
            peak_mib: Some(90.0),
            worker_cores: Some(0.25),
            worker_mib: Some(45.0),
            quoted: Some((0.75, 80.0)),
            fps: 30.0,
            missing: 2,
            ages,
        };
        assert_eq!(pooled, wanted);
    }

    #[test]
    fn a_slope_of_a_line_and_of_nothing() {
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-9);
        assert_eq!(slope(&[(1.0, 1.0)]), 0.0);
        assert_eq!(slope(&[]), 0.0);
    }
}
