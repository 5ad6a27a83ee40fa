//! Whatever a query says, what is handed on asks for the sources that were put there, and for
//! no others.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_serve::log_cache_auth_proxy::promql::Query;

fuzz_target!(|text: &str| {
    let Ok(query) = Query::parse(text) else {
        return;
    };
    let mine = |_: &str| vec!["mine".to_owned(), "my \"other".to_owned()];
    let text = query.with(mine).expect("every matcher has members");
    let again = Query::parse(&text).expect("it can be read as before");
    assert_eq!(again.sources(), ["mine", "my \"other"]);
    assert_eq!(again.with(mine).as_deref(), Some(text.as_str()));
});
