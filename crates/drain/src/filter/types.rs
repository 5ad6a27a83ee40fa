//! The source types of logs: which component of the platform wrote them.

/// Which component wrote a log: the tag `source_type` up to its first `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceType {
    /// The Cloud Controller.
    Api,
    /// Staging.
    Stg,
    /// The router.
    Rtr,
    /// Loggregator, and we.
    Lgr,
    /// The app itself.
    App,
    /// SSH sessions.
    Ssh,
    /// The cell that runs the app.
    Cell,
    /// Health checks; not in the peers' list, but in use.
    Health,
    /// The proxy beside an app; likewise.
    Proxy,
    /// The platform at large; likewise.
    Sys,
    /// Measurements as lines; likewise.
    Stats,
}

const ALL: [(SourceType, &str); 11] = [
    (SourceType::Api, "API"),
    (SourceType::Stg, "STG"),
    (SourceType::Rtr, "RTR"),
    (SourceType::Lgr, "LGR"),
    (SourceType::App, "APP"),
    (SourceType::Ssh, "SSH"),
    (SourceType::Cell, "CELL"),
    (SourceType::Health, "HEALTH"),
    (SourceType::Proxy, "PROXY"),
    (SourceType::Sys, "SYS"),
    (SourceType::Stats, "STATS"),
];

/// A set of source types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeSet(u16);

impl TypeSet {
    fn has(self, kind: SourceType) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

/// Which source types a drain takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceTypes {
    /// All, and logs that name none.
    #[default]
    Every,
    /// These; not logs without a type or of an unknown one.
    Only(TypeSet),
    /// All but these; also logs without a type or of an unknown one.
    Except(TypeSet),
}

/// Why a list of source types is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypesError {
    /// A list to include and one to exclude.
    Both,
    /// These do not exist; `, ` between them.
    Unknown(String),
}

impl SourceTypes {
    /// Reads the two lists, with commas between the types, in any case. An empty list is none.
    ///
    /// # Errors
    /// Both lists, or an unknown type. Items are not trimmed, as at the peers.
    pub fn parse(include: &str, exclude: &str) -> Result<Self, TypesError> {
        match (include, exclude) {
            ("", "") => Ok(Self::Every),
            (include, "") => set(include).map(Self::Only),
            ("", exclude) => set(exclude).map(Self::Except),
            _ => Err(TypesError::Both),
        }
    }

    /// Whether a log of this `source_type` is taken.
    pub fn wants(self, source_type: Option<&str>) -> bool {
        let named = |set: TypeSet| {
            let own = source_type.and_then(|text| text.split('/').next());
            let mut all = ALL.into_iter();
            all.any(|(kind, name)| own == Some(name) && set.has(kind))
        };
        match self {
            Self::Every => true,
            Self::Only(set) => named(set),
            Self::Except(set) => !named(set),
        }
    }
}

fn set(list: &str) -> Result<TypeSet, TypesError> {
    let mut set = TypeSet::default();
    let mut unknown = Vec::new();
    for item in list.split(',') {
        let mut all = ALL.into_iter();
        match all.find(|(_, name)| name.eq_ignore_ascii_case(item)) {
            Some((kind, _)) => set.0 |= 1 << kind as u16,
            None => unknown.push(item),
        }
    }
    match unknown.is_empty() {
        true => Ok(set),
        false => Err(TypesError::Unknown(unknown.join(", "))),
    }
}
