//! Which of the bindings can be drains, and what the apps of the others are told (spec
//! agents-and-drains §2.5, §3.4).

use std::collections::{BTreeMap, HashMap};

use logweir_drain::{
    binding::{Binding, Credentials},
    block_list::BlockList,
    credentials,
    url::{DrainUrl, Host, UrlDefaults},
};
use logweir_net::resolve::Resolver;

use super::hosts::{Found, Hosts};

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The bindings that can be drains, without the credentials that cannot be used.
    pub(super) good: Vec<Binding>,
    /// URLs of which nothing is left.
    pub(super) invalid: usize,
    /// Those of them that lead to blocked addresses.
    pub(super) blocked: usize,
    /// URLs without credentials, and so without apps.
    pub(super) nobodys: usize,
    /// What apps are to be told: app and text, each pair once.
    pub(super) notices: Vec<(String, String)>,
}

/// Checks bindings in the order of the peers: URL, host, address, then each credential.
pub(super) async fn check(
    bindings: Vec<Binding>,
    hosts: &mut Hosts,
    resolver: &Resolver,
    blocked: &BlockList,
) -> Checked {
    let defaults = UrlDefaults::default();
    let parsed: Vec<_> = bindings
        .into_iter()
        .map(|binding| {
            let url = DrainUrl::parse(binding.url.reveal(), &defaults);
            (binding, url)
        })
        .collect();
    let wanted: BTreeMap<String, Host> = parsed
        .iter()
        .filter(|(binding, _)| !binding.credentials.is_empty())
        .filter_map(|(_, url)| url.as_ref().ok())
        .map(|url| (url.host().to_string(), url.host().clone()))
        .collect();
    let found = hosts.find(&wanted, resolver).await;
    let mut checked = Checked::default();
    for (mut binding, url) in parsed {
        if binding.credentials.is_empty() {
            checked.nobodys += 1;
            continue;
        }
        let url = match url.map_err(|error| error.to_string()) {
            Ok(url) => url,
            Err(told) => {
                checked.refuse(&binding, &told);
                continue;
            }
        };
        match reachable(&url, &found, blocked) {
            Ok(()) => {}
            Err(Unreachable { told, blocked }) => {
                checked.blocked += usize::from(blocked);
                checked.refuse(&binding, &told);
                continue;
            }
        }
        binding
            .credentials
            .retain(|one| match credentials::check(&one.pem) {
                Ok(()) => true,
                Err(error) => {
                    checked.tell(one, &error.told(url.anonymous()));
                    false
                }
            });
        match binding.credentials.is_empty() {
            true => checked.invalid += 1,
            false => checked.good.push(binding),
        }
    }
    checked.notices.sort_unstable();
    checked.notices.dedup();
    checked
}

struct Unreachable {
    told: String,
    blocked: bool,
}

fn reachable(
    url: &DrainUrl,
    found: &HashMap<String, Found>,
    blocked: &BlockList,
) -> Result<(), Unreachable> {
    let shown = url.anonymous();
    let nowhere = |told| {
        Err(Unreachable {
            told,
            blocked: false,
        })
    };
    match found.get(&url.host().to_string()) {
        Some(Found::At(addresses)) => {
            match addresses.iter().any(|address| blocked.blocks(*address)) {
                false => Ok(()),
                true => Err(Unreachable {
                    told: format!(
                        "Resolved ip address for syslog drain with url {shown} is blacklisted"
                    ),
                    blocked: true,
                }),
            }
        }
        Some(Found::NotAgain) => nowhere(format!(
            "Skipped resolve ip address for syslog drain with url {shown} due to prior failure"
        )),
        Some(Found::Nowhere) | None => nowhere(format!(
            "Cannot resolve ip address for syslog drain with url {shown}"
        )),
    }
}

impl Checked {
    fn refuse(&mut self, binding: &Binding, told: &str) {
        self.invalid += 1;
        for one in &binding.credentials {
            self.tell(one, told);
        }
    }

    fn tell(&mut self, credentials: &Credentials, text: &str) {
        let apps = credentials.apps.iter().map(|app| &app.app_id);
        let notices = apps.filter(|app| !app.is_empty());
        self.notices
            .extend(notices.map(|app| (app.clone(), text.to_owned())));
    }
}
