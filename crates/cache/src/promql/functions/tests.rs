use super::*;

#[test]
fn the_table_holds_each_name_once() {
    let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
}

#[test]
fn log_cache_has_the_46_functions_of_2_13() {
    let known = |mode| {
        FUNCTIONS
            .iter()
            .filter(move |known| find(known.name, mode).is_some())
    };
    assert_eq!(known(Mode::LogCache).count(), 46);
    assert!(find("holt_winters", Mode::Modern).is_none());
    assert!(find("last_over_time", Mode::LogCache).is_none());
}
