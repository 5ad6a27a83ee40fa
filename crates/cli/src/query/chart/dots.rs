//! Lines of dots: a letter of Braille is two dots wide and four high.

use std::cmp::Ordering;

/// The letter without a dot.
const EMPTY: u32 = 0x2800;
/// The bits of a letter's dots, by line and column.
const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots that are set, counted from the upper left.
struct Dots {
    columns: usize,
    letters: Vec<u32>,
}

impl Dots {
    fn set(&mut self, x: usize, y: usize) {
        let place = y / 4 * self.columns + x / 2;
        if let Some(letter) = self.letters.get_mut(place) {
            *letter |= BITS[y % 4][x % 2];
        }
    }

    /// All dots of a column between two lines, these included.
    fn stroke(&mut self, x: usize, from: usize, to: usize) {
        for y in from.min(to)..=from.max(to) {
            self.set(x, y);
        }
    }
}

/// A line through the values of all steps, `height` letters high and `columns` wide.
/// Steps without a value interrupt it.
pub(super) fn draw(
    values: &[Option<f64>],
    (least, greatest): (f64, f64),
    columns: usize,
    height: usize,
) -> Vec<String> {
    let mut dots = Dots {
        columns,
        letters: vec![EMPTY; columns * height],
    };
    let (right, bottom) = (columns * 2 - 1, height * 4 - 1);
    let across = |step: usize| step * right / (values.len() - 1).max(1);
    let down = |value: f64| {
        let share = (greatest - value) / (greatest - least);
        // What does not differ lies in the middle.
        let share = if share.is_finite() { share } else { 0.5 };
        let lines = u32::try_from(bottom).map_or(0.0, f64::from);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and the number of lines"
        )]
        let line = (share.clamp(0.0, 1.0) * lines).round() as usize;
        line
    };
    let mut before: Option<(usize, usize)> = None;
    for (step, value) in values.iter().enumerate() {
        let here = value.map(|value| (across(step), down(value)));
        match (before, here) {
            (Some((x0, y0)), Some((x, y))) => {
                let mut last = y0;
                for column in x0 + 1..=x {
                    // On the straight line between the two.
                    let line = match y >= y0 {
                        true => y0 + (y - y0) * (column - x0) / (x - x0),
                        false => y0 - (y0 - y) * (column - x0) / (x - x0),
                    };
                    // The dot before is there already.
                    let next = match line.cmp(&last) {
                        Ordering::Less => last - 1,
                        Ordering::Equal => last,
                        Ordering::Greater => last + 1,
                    };
                    dots.stroke(column, next, line);
                    last = line;
                }
                dots.stroke(x, last, y);
            }
            (None, Some((x, y))) => dots.set(x, y),
            (_, None) => {}
        }
        before = here;
    }
    let letter = |code: &u32| char::from_u32(*code).unwrap_or(' ');
    // Blanks rather than letters without dots, which some fonts draw.
    let letter = |code: &u32| if *code == EMPTY { ' ' } else { letter(code) };
    let lines = dots.letters.chunks(columns);
    lines
        .map(|line| line.iter().map(letter).collect())
        .collect()
}
