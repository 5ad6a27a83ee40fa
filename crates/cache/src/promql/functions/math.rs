//! Mathematics that the standard library lacks.

/// -1, 0 or 1 by the sign; NaN and the zeros stay.
pub(super) fn sgn(value: f64) -> f64 {
    match value {
        value if value < 0.0 => -1.0,
        value if value > 0.0 => 1.0,
        value => value,
    }
}
