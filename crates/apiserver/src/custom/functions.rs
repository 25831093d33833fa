//! What Kubernetes adds to CEL for rules: functions on lists, texts, URLs, quantities
//! and addresses (the libraries of `k8s.io/apiserver/pkg/cel/library`).

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use cel::extractors::{Arguments, This};
use cel::objects::Opaque;
use cel::{Context, Env, ExecutionError, Program, Value, extensions};
use regex::Regex;
use syncline_manifest::quantity::nano_units;
use url::Url;

/// A quantity, in units of 10⁻⁹.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantity(i128);

impl Opaque for Quantity {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.Quantity"
    }
}

/// A URL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address(Url);

impl Opaque for Address {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.URL"
    }
}

/// An IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ip(IpAddr);

impl Opaque for Ip {
    fn runtime_type_name(&self) -> &str {
        "net.IP"
    }
}

/// A network: its address, and how many bits of it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network(IpAddr, u8);

impl Opaque for Network {
    fn runtime_type_name(&self) -> &str {
        "net.CIDR"
    }
}

fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Env::stdlib();
        // Extensions declare names that nothing else declares.
        let _ = extensions::strings(&mut env);
        Arc::new(env)
    })
}

/// Compiles an expression.
///
/// # Errors
/// Why it does not compile.
pub(super) fn compile(source: &str) -> Result<Program, String> {
    environment().compile(source).map_err(|error| format!("compilation failed: {error}"))
}

type Outcome = Result<Value, ExecutionError>;

fn failed(function: &str, why: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, why)
}

fn text<'v>(function: &str, value: &'v Value) -> Result<&'v str, ExecutionError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(failed(function, "no such overload")),
    }
}

fn opaque<'v, T: 'static>(function: &str, value: &'v Value) -> Result<&'v T, ExecutionError> {
    match value {
        Value::Opaque(value) => value.downcast_ref().ok_or_else(|| failed(function, "no such overload")),
        _ => Err(failed(function, "no such overload")),
    }
}

fn first<'v>(function: &str, arguments: &'v Arguments) -> Result<&'v Value, ExecutionError> {
    arguments.0.first().ok_or_else(|| failed(function, "an argument is missing"))
}

fn list<'v>(function: &str, value: &'v Value) -> Result<&'v [Value], ExecutionError> {
    match value {
        Value::List(items) => Ok(items),
        _ => Err(failed(function, "no such overload")),
    }
}

fn text_value(text: impl Into<String>) -> Value {
    Value::String(Arc::new(text.into()))
}

/// A context in which rules are evaluated; what a rule sees is added to an inner one.
pub(super) fn context() -> Context<'static, 'static> {
    let mut context = Context::with_env(Arc::clone(environment()));
    lists(&mut context);
    texts(&mut context);
    urls(&mut context);
    quantities(&mut context);
    addresses(&mut context);
    context
}

/// Adds a function; its name is new, so that nothing can be wrong with it.
macro_rules! add {
    ($context:ident, $name:literal, $function:expr) => {
        let _ = $context.add_function($name, $function);
    };
}

fn lists(context: &mut Context<'static, 'static>) {
    add!(context, "isSorted", |This(this): This<Value>| -> Outcome {
        let items = list("isSorted", &this)?;
        Ok(Value::Bool(items.windows(2).all(|pair| pair[0] <= pair[1])))
    });
    add!(context, "sum", |This(this): This<Value>| -> Outcome {
        let mut items = list("sum", &this)?.iter();
        let Some(first) = items.next() else { return Ok(Value::Int(0)) };
        items.try_fold(first.clone(), |sum, item| sum + item.clone())
    });
}

fn texts(context: &mut Context<'static, 'static>) {
    fn pattern(function: &str, value: &Value) -> Result<Regex, ExecutionError> {
        Regex::new(text(function, value)?).map_err(|error| failed(function, error))
    }
    add!(context, "find", |This(this): This<Value>, arguments: Arguments| -> Outcome {
        let pattern = pattern("find", first("find", &arguments)?)?;
        let found = pattern.find(text("find", &this)?).map(|found| found.as_str()).unwrap_or_default();
        Ok(text_value(found))
    });
    add!(context, "findAll", |This(this): This<Value>, arguments: Arguments| -> Outcome {
        let pattern = pattern("findAll", first("findAll", &arguments)?)?;
        let limit = match arguments.0.get(1) {
            Some(Value::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let found = pattern.find_iter(text("findAll", &this)?).take(limit);
        Ok(Value::List(Arc::new(found.map(|found| text_value(found.as_str())).collect())))
    });
}

fn urls(context: &mut Context<'static, 'static>) {
    /// URLs are absolute, or paths from the root.
    fn parse(text: &str) -> Option<Url> {
        match Url::parse(text) {
            Ok(url) => Some(url),
            Err(_) if text.starts_with('/') => Url::parse(&format!("path:{text}")).ok(),
            Err(_) => None,
        }
    }
    fn part(name: &'static str, part: fn(&Url) -> String) -> impl Fn(This<Value>) -> Outcome {
        move |This(this): This<Value>| Ok(text_value(part(&opaque::<Address>(name, &this)?.0)))
    }
    add!(context, "url", |arguments: Arguments| -> Outcome {
        let spelled = text("url", first("url", &arguments)?)?;
        let url = parse(spelled).ok_or_else(|| failed("url", format!("{spelled:?} is no URL")))?;
        Ok(Value::Opaque(Arc::new(Address(url))))
    });
    add!(context, "isURL", |arguments: Arguments| -> Outcome {
        Ok(Value::Bool(parse(text("isURL", first("isURL", &arguments)?)?).is_some()))
    });
    add!(
        context,
        "getScheme",
        part("getScheme", |url| if url.scheme() == "path" { String::new() } else { url.scheme().to_owned() })
    );
    add!(context, "getHostname", part("getHostname", |url| url.host_str().unwrap_or_default().to_owned()));
    add!(
        context,
        "getPort",
        part("getPort", |url| url.port().map(|port| port.to_string()).unwrap_or_default())
    );
    add!(
        context,
        "getHost",
        part("getHost", |url| {
            let host = url.host_str().unwrap_or_default();
            url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        })
    );
    add!(context, "getEscapedPath", part("getEscapedPath", |url| url.path().to_owned()));
}

fn quantities(context: &mut Context<'static, 'static>) {
    fn read(function: &str, value: &Value) -> Result<i128, ExecutionError> {
        Ok(opaque::<Quantity>(function, value)?.0)
    }
    fn compared(
        name: &'static str,
        holds: fn(i128, i128) -> Value,
    ) -> impl Fn(This<Value>, Arguments) -> Outcome {
        move |This(this): This<Value>, arguments: Arguments| {
            Ok(holds(read(name, &this)?, read(name, first(name, &arguments)?)?))
        }
    }
    /// Adds a quantity, or a whole number.
    fn changed(
        name: &'static str,
        change: fn(i128, i128) -> Option<i128>,
    ) -> impl Fn(This<Value>, Arguments) -> Outcome {
        move |This(this): This<Value>, arguments: Arguments| {
            let by = match first(name, &arguments)? {
                Value::Int(whole) => i128::from(*whole) * 1_000_000_000,
                other => read(name, other)?,
            };
            let sum = change(read(name, &this)?, by).ok_or_else(|| failed(name, "out of range"))?;
            Ok(Value::Opaque(Arc::new(Quantity(sum))))
        }
    }
    add!(context, "quantity", |arguments: Arguments| -> Outcome {
        let spelled = text("quantity", first("quantity", &arguments)?)?;
        let units =
            nano_units(spelled).ok_or_else(|| failed("quantity", format!("{spelled:?} is no quantity")))?;
        Ok(Value::Opaque(Arc::new(Quantity(units))))
    });
    add!(context, "isQuantity", |arguments: Arguments| -> Outcome {
        Ok(Value::Bool(nano_units(text("isQuantity", first("isQuantity", &arguments)?)?).is_some()))
    });
    add!(context, "isLessThan", compared("isLessThan", |this, other| Value::Bool(this < other)));
    add!(context, "isGreaterThan", compared("isGreaterThan", |this, other| Value::Bool(this > other)));
    add!(context, "compareTo", compared("compareTo", |this, other| Value::Int(this.cmp(&other) as i64)));
    add!(context, "add", changed("add", i128::checked_add));
    add!(context, "sub", changed("sub", i128::checked_sub));
    add!(context, "sign", |This(this): This<Value>| -> Outcome {
        Ok(Value::Int(i64::try_from(read("sign", &this)?.signum()).unwrap_or(0)))
    });
    add!(context, "isInteger", |This(this): This<Value>| -> Outcome {
        let units = read("isInteger", &this)?;
        Ok(Value::Bool(units % 1_000_000_000 == 0 && i64::try_from(units / 1_000_000_000).is_ok()))
    });
    add!(context, "asInteger", |This(this): This<Value>| -> Outcome {
        let units = read("asInteger", &this)?;
        let whole = (units % 1_000_000_000 == 0).then(|| i64::try_from(units / 1_000_000_000).ok()).flatten();
        whole.map(Value::Int).ok_or_else(|| failed("asInteger", "it is no whole number"))
    });
    add!(context, "asApproximateFloat", |This(this): This<Value>| -> Outcome {
        Ok(Value::Float(read("asApproximateFloat", &this)? as f64 / 1e9))
    });
}

fn addresses(context: &mut Context<'static, 'static>) {
    fn network(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        (u32::from(bits) <= width(address)).then_some(Network(address, bits))
    }
    fn width(address: IpAddr) -> u32 {
        if address.is_ipv4() { 32 } else { 128 }
    }
    fn number(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        }
    }
    fn holds(Network(base, bits): Network, address: IpAddr) -> bool {
        let shift = width(base) - u32::from(bits);
        let top = |address: IpAddr| number(address).checked_shr(shift).unwrap_or(0);
        base.is_ipv4() == address.is_ipv4() && top(base) == top(address)
    }
    fn is(name: &'static str, test: fn(IpAddr) -> bool) -> impl Fn(This<Value>) -> Outcome {
        move |This(this): This<Value>| Ok(Value::Bool(test(opaque::<Ip>(name, &this)?.0)))
    }
    add!(context, "ip", |arguments: Arguments| -> Outcome {
        let spelled = text("ip", first("ip", &arguments)?)?;
        let address = spelled.parse().map_err(|_| failed("ip", format!("{spelled:?} is no IP address")))?;
        Ok(Value::Opaque(Arc::new(Ip(address))))
    });
    add!(context, "isIP", |arguments: Arguments| -> Outcome {
        Ok(Value::Bool(text("isIP", first("isIP", &arguments)?)?.parse::<IpAddr>().is_ok()))
    });
    add!(context, "family", |This(this): This<Value>| -> Outcome {
        Ok(Value::Int(if opaque::<Ip>("family", &this)?.0.is_ipv4() { 4 } else { 6 }))
    });
    add!(context, "isLoopback", is("isLoopback", |address| address.is_loopback()));
    add!(context, "isUnspecified", is("isUnspecified", |address| address.is_unspecified()));
    add!(context, "cidr", |arguments: Arguments| -> Outcome {
        let spelled = text("cidr", first("cidr", &arguments)?)?;
        let network = network(spelled).ok_or_else(|| failed("cidr", format!("{spelled:?} is no network")))?;
        Ok(Value::Opaque(Arc::new(network)))
    });
    add!(context, "isCIDR", |arguments: Arguments| -> Outcome {
        Ok(Value::Bool(network(text("isCIDR", first("isCIDR", &arguments)?)?).is_some()))
    });
    add!(context, "prefixLength", |This(this): This<Value>| -> Outcome {
        Ok(Value::Int(i64::from(opaque::<Network>("prefixLength", &this)?.1)))
    });
    add!(context, "containsIP", |This(this): This<Value>, arguments: Arguments| -> Outcome {
        let inside = *opaque::<Network>("containsIP", &this)?;
        let address = match first("containsIP", &arguments)? {
            Value::String(spelled) => spelled.parse().map_err(|error| failed("containsIP", error))?,
            other => opaque::<Ip>("containsIP", other)?.0,
        };
        Ok(Value::Bool(holds(inside, address)))
    });
    add!(context, "containsCIDR", |This(this): This<Value>, arguments: Arguments| -> Outcome {
        let outer = *opaque::<Network>("containsCIDR", &this)?;
        let inner = match first("containsCIDR", &arguments)? {
            Value::String(spelled) => network(spelled).ok_or_else(|| failed("containsCIDR", "no network"))?,
            other => *opaque::<Network>("containsCIDR", other)?,
        };
        Ok(Value::Bool(outer.1 <= inner.1 && holds(outer, inner.0)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_kubernetes_are_there() {
        let context = context();
        for (source, expected) in [
            ("['a', 'b'].isSorted() && !['b', 'a'].isSorted() && [].isSorted()", true),
            ("[1, 2, 3].sum() == 6 && [1.5, 2.0].sum() == 3.5", true),
            ("'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''", true),
            ("'a1 b2 c3'.findAll('[0-9]') == ['1', '2', '3'] && 'a1 b2'.findAll('[0-9]', 1) == ['1']", true),
            ("url('https://example.com:80/a?b=c').getHost() == 'example.com:80'", true),
            (
                "url('https://example.com/a').getHostname() == 'example.com' && url('https://e.com/a').getPort() == ''",
                true,
            ),
            ("url('/path').getScheme() == '' && url('/path').getEscapedPath() == '/path'", true),
            ("isURL('https://a.b') && !isURL('no url')", true),
            (
                "quantity('1Gi').isGreaterThan(quantity('1000Mi')) && quantity('1k').isLessThan(quantity('1Ki'))",
                true,
            ),
            (
                "quantity('500m').add(quantity('1500m')).asInteger() == 2 && quantity('2').sub(1).sign() == 1",
                true,
            ),
            ("quantity('50m').compareTo(quantity('50000u')) == 0 && !quantity('50m').isInteger()", true),
            (
                "isQuantity('5') && !isQuantity('5 apples') && quantity('1.5').asApproximateFloat() == 1.5",
                true,
            ),
            (
                "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && isIP('10.0.0.1') && !isIP('10.0.0')",
                true,
            ),
            ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.1.2.3')", true),
            (
                "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8",
                true,
            ),
            ("isCIDR('::/0') && !isCIDR('10.0.0.0/33')", true),
            (
                "'Hello'.lowerAscii() == 'hello' && 'a,b'.split(',') == ['a', 'b'] && ' x '.trim() == 'x'",
                true,
            ),
        ] {
            let outcome = compile(source).map(|program| program.execute(&context));
            assert_eq!(outcome, Ok(Ok(Value::Bool(expected))), "{source}");
        }
    }
}
