//! The functions of templates: Go's own, those of `github.com/Masterminds/sprig/v3`,
//! and Helm's. One file a theme; each file adds its functions to the table.

mod builtin;
mod certificates;
mod conversion;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod durations;
mod encoding;
mod helm;
mod letter_case;
mod lists;
mod logic;
mod numbers;
mod patterns;
mod random;
mod strings;
mod types;
mod versions;

use std::fmt;
use std::sync::LazyLock;

use rustc_hash::{FxBuildHasher, FxHashMap};

pub use conversion::Type;
use conversion::{Callable, Int, Reflected, Rest};

use crate::go::Value;
use crate::template::{CallError, Execution};

/// A function of its arguments alone.
type PureFunction = Box<dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync>;

/// What a function does.
pub(crate) enum Body {
    /// Of its arguments alone.
    Pure(PureFunction),
    /// Of its arguments and the run that calls it.
    Running(fn(&mut Execution<'_>, &[Value]) -> Result<Value, CallError>),
    /// `and` and `or`: looks at its arguments until one has this truth.
    Logic(bool),
}

/// A function that templates can call.
pub struct Function {
    /// Its name in templates.
    pub name: &'static str,
    pub(crate) parameters: Vec<Type>,
    pub(crate) variadic: Option<Type>,
    pub(crate) body: Body,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The functions that are being gathered.
struct Table(FxHashMap<&'static str, Function>);

impl Table {
    /// Adds a function of its arguments, whose types it takes from the closure.
    fn add<A, C: Callable<A>>(&mut self, name: &'static str, function: C) {
        let (parameters, variadic) = C::signature();
        let body = Body::Pure(Box::new(move |arguments| function.call(arguments)));
        self.insert(Function { name, parameters, variadic, body });
    }

    fn add_running(
        &mut self,
        name: &'static str,
        parameters: &[Type],
        function: fn(&mut Execution<'_>, &[Value]) -> Result<Value, CallError>,
    ) {
        let parameters = parameters.to_vec();
        self.insert(Function { name, parameters, variadic: None, body: Body::Running(function) });
    }

    fn insert(&mut self, function: Function) {
        self.0.insert(function.name, function);
    }
}

/// A value for a function that wants to know its type.
fn not_nil(value: Value) -> Result<Value, String> {
    if value.is_nil() { Err(TYPE_OF_NIL.to_owned()) } else { Ok(value) }
}

/// What Go says where a function wants to know the type of nil.
const TYPE_OF_NIL: &str = "reflect: call of reflect.Value.Type on zero Value";

/// About how many functions there are.
const COUNT: usize = 300;

static FUNCTIONS: LazyLock<FxHashMap<&'static str, Function>> = LazyLock::new(|| {
    let mut table = Table(FxHashMap::with_capacity_and_hasher(COUNT, FxBuildHasher));
    builtin::add(&mut table);
    logic::add(&mut table);
    strings::add(&mut table);
    letter_case::add(&mut table);
    numbers::add(&mut table);
    lists::add(&mut table);
    dicts::add(&mut table);
    defaults::add(&mut table);
    types::add(&mut table);
    encoding::add(&mut table);
    patterns::add(&mut table);
    dates::add(&mut table);
    durations::add(&mut table);
    versions::add(&mut table);
    random::add(&mut table);
    crypto::add(&mut table);
    certificates::add(&mut table);
    // Helm's own come last: they replace some of the others.
    helm::add(&mut table);
    table.0
});

/// The function of a name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name)
}

/// The names of all functions, in order.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = FUNCTIONS.keys().copied().collect();
    names.sort_unstable();
    names
}
