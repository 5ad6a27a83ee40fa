//! Our own tree of a query.

use std::sync::Arc;

use super::{functions::Function, matcher::Matcher};

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number for each step.
    Scalar,
    /// Any number of series with one number each.
    Vector,
    /// Series with a run of samples each.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// The name in error messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// Where an expression starts in its text, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The byte of the line.
    pub column: usize,
}

/// An expression, where it starts, and how deep it is nested.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it starts.
    pub at: Position,
    /// One more than the deepest of its parts: bounds every recursion over the tree.
    pub(crate) depth: usize,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `1.5`
    Number(f64),
    /// `"text"`
    Text(Arc<str>),
    /// `up{job="a"}`
    Selector(Selector),
    /// `up[5m]`
    Range(RangeSelector),
    /// `rate(up[5m])[1h:1m]`
    Subquery(Box<Subquery>),
    /// `rate(…)`
    Call(Call),
    /// `sum by (a) (…)`
    Aggregate(Box<Aggregate>),
    /// `a + b`
    Binary(Box<Binary>),
    /// `-a`
    Negate(Box<Expr>),
    /// `+a`
    Plus(Box<Expr>),
    /// `(a)`
    Paren(Box<Expr>),
}

/// An instant selector with its modifiers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// The name when it is written before the braces.
    pub name: Option<Arc<str>>,
    /// All conditions, that on the name included.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `smoothed`: between two samples the value is interpolated (Prometheus 3).
    pub smoothed: bool,
}

/// `offset` and `@`: where an expression looks instead of at the evaluated instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    /// How far back; negative is ahead.
    pub offset: Option<DurationExpr>,
    /// A fixed instant.
    pub at: Option<At>,
}

/// The instant of an `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Time(i64),
    /// The first step of the query.
    Start,
    /// The last step of the query.
    End,
}

/// What a range selector does at its edges (Prometheus 3, experimental).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// Takes in the last sample before the range as if it lay on its edge.
    Anchored,
    /// Interpolates at both edges.
    Smoothed,
}

impl Edges {
    /// The keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// A selector over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSelector {
    /// The series.
    pub selector: Selector,
    /// How far back the range reaches.
    pub range: DurationExpr,
    /// What happens at its edges.
    pub edges: Option<Edges>,
}

/// An expression evaluated at many instants of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub inner: Expr,
    /// How far back the range reaches.
    pub range: DurationExpr,
    /// The distance of the instants; the default where none is given.
    pub step: Option<DurationExpr>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which function.
    pub function: &'static Function,
    /// Its arguments, as many and of the types that it takes.
    pub args: Vec<Expr>,
}

/// The aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Named as they are written.
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

/// Which labels form groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// `by (…)`
    By(Vec<Arc<str>>),
    /// `without (…)`
    Without(Vec<Arc<str>>),
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// The parameter of `topk`, `quantile`, `count_values` and their like.
    pub param: Option<Expr>,
    /// What is aggregated.
    pub inner: Expr,
    /// The groups; `By(vec![])` is one group of all.
    pub grouping: Grouping,
}

/// The binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Named as they are called.
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge
        )
    }

    /// Whether it combines sets of series.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left side.
    pub lhs: Expr,
    /// The right side.
    pub rhs: Expr,
    /// `bool`: a comparison gives 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How series of both sides find each other.
    pub matching: Matching,
}

/// Which side may have many series for one of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cardinality {
    /// One for one.
    OneToOne,
    /// `group_left (…)`: many on the left.
    ManyToOne(Vec<Arc<str>>),
    /// `group_right (…)`: many on the right.
    OneToMany(Vec<Arc<str>>),
}

/// How series of two vectors find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// `on (…)`, else `ignoring (…)`.
    pub on: bool,
    /// The labels that count, or do not.
    pub labels: Vec<Arc<str>>,
    /// How many of each side.
    pub cardinality: Cardinality,
    /// The value of an absent series on the left.
    pub fill_left: Option<f64>,
    /// The value of an absent series on the right.
    pub fill_right: Option<f64>,
}

impl Default for Matching {
    fn default() -> Self {
        Self {
            on: false,
            labels: Vec::new(),
            cardinality: Cardinality::OneToOne,
            fill_left: None,
            fill_right: None,
        }
    }
}

/// A duration, or arithmetic that yields one (Prometheus 3, experimental), in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// So many seconds.
    Seconds(f64),
    /// `step()`: the step of the query.
    Step,
    /// `range()`: the end of the query less its start.
    Range,
    /// `-a`
    Negate(Box<DurationExpr>),
    /// `a + b` and its like.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    /// `min_of(a, b)`
    Min(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    Max(Box<DurationExpr>, Box<DurationExpr>),
}

impl Expr {
    /// What the expression evaluates to.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::Text(_) => ValueType::String,
            ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueType::Vector,
            ExprKind::Range(_) | ExprKind::Subquery(_) => ValueType::Matrix,
            ExprKind::Call(call) => call.function.returns,
            ExprKind::Binary(binary) => {
                let scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
                match scalar(&binary.lhs) && scalar(&binary.rhs) {
                    true => ValueType::Scalar,
                    false => ValueType::Vector,
                }
            }
            ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => {
                inner.value_type()
            }
        }
    }

    /// The expression inside of all parentheses around it.
    pub fn unparen(&self) -> &Expr {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }
}
