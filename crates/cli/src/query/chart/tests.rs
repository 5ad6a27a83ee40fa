use super::*;
use crate::query::answer::Labels;

const WINDOW: Window = Window {
    start: 0.0,
    end: 30.0,
    step: 1.0,
};

fn series(instance: &str, value: impl Fn(u32) -> Option<f64>) -> Series {
    let points = (0..=30).filter_map(|second| Some((f64::from(second), value(second)?)));
    Series {
        labels: Labels::from([
            ("source_id".to_owned(), "app".to_owned()),
            ("instance_id".to_owned(), instance.to_owned()),
        ]),
        points: points.collect(),
    }
}

#[test]
fn one_series_is_a_line_with_its_scale() {
    let rising = series("0", |second| Some(f64::from(second)));
    let chart = Answer::Matrix(vec![rising]).chart(WINDOW, 30);
    assert_eq!(
        chart,
        "{instance_id=\"0\", source_id=\"app\"}
         30┤               ⡰⠊
           │             ⢀⠜
           │            ⡠⠊
           │          ⢀⠔⠁
           │         ⡰⠁
         15┤       ⢀⠜
           │      ⡠⠃
           │    ⢠⠔⠁
           │   ⡔⠁
           │ ⢀⠎
          0┤⡠⠃
           └─────────────────
            1970-01-01 00:00:00 to 00:00:30 UTC, every 1 s
"
    );
}

#[test]
fn several_series_are_rows_of_one_scale() {
    let rising = series("0", |second| Some(f64::from(second)));
    let late = series("1", |second| (second > 15).then_some(8.0));
    let chart = Answer::Matrix(vec![rising, late]).chart(WINDOW, 50);
    assert_eq!(
        chart,
        "all: {source_id=\"app\"}
instance_id                         Min  Max  Last
0            ▁▁▁▂▂▂▃▃▄▄▄▅▅▆▆▆▇▇███  0    30   30
1                       ▃▃▃▃▃▃▃▃▃▃  8    8    8
1970-01-01 00:00:00 to 00:00:30 UTC, every 1 s; from 0 to 30
"
    );
}

#[test]
fn gaps_and_what_is_no_number_interrupt_the_line() {
    let gaps = series("0", |second| match second {
        0..10 => Some(1.0),
        10..20 => None,
        _ => Some(f64::NAN),
    });
    let chart = Answer::Matrix(vec![gaps]).chart(WINDOW, 30);
    let drawn: Vec<_> = chart
        .lines()
        .filter(|line| line.chars().any(|letter| letter > '\u{2800}'))
        .collect();
    // What never changes lies in the middle.
    assert_eq!(drawn, ["          1┤⠤⠤⠤⠤⠤"]);
}

#[test]
fn steps_are_those_that_people_count_in() {
    for (range, expected) in [
        (0.0, 1.0),
        (3600.0, 30.0),
        (86_400.0, 900.0),
        (1e9, 7_603_200.0),
    ] {
        assert_eq!(step(range, 80), expected, "{range}");
    }
}

#[test]
fn any_window_and_any_width_are_drawn() {
    for (window, width) in [
        (WINDOW, 0),
        (WINDOW, 1000),
        (Window { end: 0.0, ..WINDOW }, 80),
        (
            Window {
                step: 1e-9,
                ..WINDOW
            },
            80,
        ),
        (
            Window {
                step: 1e9,
                ..WINDOW
            },
            80,
        ),
        (
            Window {
                start: -1e18,
                end: 1e18,
                step: 1e15,
            },
            80,
        ),
    ] {
        let wild = [f64::MAX, f64::MIN, f64::INFINITY, 0.0, f64::NAN];
        let some = series("0", |second| wild.get(second as usize).copied());
        let other = series("1", |_| Some(f64::MIN_POSITIVE));
        assert!(!Answer::Matrix(vec![some]).chart(window, width).is_empty());
        let some = series("0", |second| wild.get(second as usize).copied());
        let both = Answer::Matrix(vec![some, other]);
        assert!(!both.chart(window, width).is_empty());
    }
    assert_eq!(Answer::Matrix(Vec::new()).chart(WINDOW, 80), "");
}
