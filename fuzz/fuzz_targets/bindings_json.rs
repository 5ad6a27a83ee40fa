//! Any JSON is refused or a list of bindings that is written and read again without a
//! difference, makes a bounded number of drains, and shows no secret.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use logweir_drain::{
    Exit,
    binding::{self, Binding, legacy},
    plan::{self, Rules},
};

fn all(bindings: &[Binding]) {
    let json = serde_json::to_vec(bindings).expect("JSON");
    assert_eq!(binding::bindings(&json).expect("the same list"), bindings);
    let rules = Rules { per_app: 3, ..Rules::default() };
    let plan = plan::apps(bindings, &rules);
    let mut ids = HashMap::new();
    let mut of_app: HashMap<&str, usize> = HashMap::new();
    for drain in &plan.drains {
        assert!(ids.insert(drain.id.as_str(), drain).is_none(), "one id, two drains");
        *of_app.entry(drain.scope.app().expect("an app")).or_default() += 1;
    }
    assert!(of_app.values().all(|count| *count <= rules.per_app));
    let exits: Vec<Exit> = plan.drains.iter().cloned().map(Exit::Drain).collect();
    assert_eq!(plan::change(&exits, &exits), plan::Change::default());
    let begin = plan::change(&[], &exits);
    assert_eq!((begin.stop.len(), begin.start.len()), (0, plan.drains.len()));
    let everything = plan::aggregate(bindings, &rules);
    assert!(everything.drains.iter().all(|drain| drain.scope.app().is_none()));
    let by_app = legacy::of_bindings(bindings);
    let json = serde_json::to_vec(&by_app).expect("JSON");
    binding::bindings(&json).expect("the list by app");
}

fuzz_target!(|json: &[u8]| {
    if let Ok(page) = binding::page(json) {
        all(&page.bindings);
    }
    match binding::bindings(json) {
        Ok(bindings) => all(&bindings),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(text) = std::str::from_utf8(json) {
        match binding::aggregate_yaml(text) {
            Ok(bindings) => all(&bindings),
            Err(error) => drop(error.to_string()),
        }
    }
});
