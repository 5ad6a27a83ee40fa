//! Sums that lose no small addends to large ones (Kahan, Neumaier), and what is made of them.

/// A running sum and what rounding took from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, addend: f64) {
        let next = self.sum + addend;
        if next.is_infinite() {
            // What was lost is nothing beside infinity, and would make it NaN.
            self.lost = 0.0;
        } else if self.sum.abs() >= addend.abs() {
            self.lost += (self.sum - next) + addend;
        } else {
            self.lost += (addend - next) + self.sum;
        }
        self.sum = next;
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            sum: self.sum * factor,
            lost: self.lost * factor,
        }
    }

    pub(crate) fn total(self) -> f64 {
        match self.sum.is_infinite() {
            true => self.sum,
            false => self.sum + self.lost,
        }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

/// A running mean: the sum by the count until that would overflow, from then on the mean
/// corrected by each value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    count: f64,
    sum: Sum,
    incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum = self.sum.scaled(1.0 / (self.count - 1.0));
        }
        self.sum = self.sum.scaled((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    pub(crate) fn mean(self) -> f64 {
        match self.incremental {
            true => self.sum.total(),
            false if self.sum.sum.is_infinite() => self.sum.sum,
            false => self.sum.sum / self.count + self.sum.lost / self.count,
        }
    }
}

/// A running variance (Welford).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean.total();
        self.mean.add(before / self.count);
        self.squares.add(before * (value - self.mean.total()));
    }

    /// The variance of the whole population.
    pub(crate) fn variance(self) -> f64 {
        self.squares.total() / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_addends_are_not_lost() {
        assert_eq!(
            [1.0, 1e100, 1.0, -1e100]
                .into_iter()
                .collect::<Sum>()
                .total(),
            2.0
        );
    }

    #[test]
    fn a_mean_of_huge_values_does_not_overflow() {
        let mut mean = Mean::default();
        for _ in 0..4 {
            mean.add(f64::MAX);
        }
        assert!((mean.mean() / f64::MAX - 1.0).abs() < 1e-12);
    }

    #[test]
    fn variance_is_that_of_the_population() {
        let mut variance = Variance::default();
        [2.0, 4.0].into_iter().for_each(|value| variance.add(value));
        assert_eq!(variance.variance(), 1.0);
    }
}
