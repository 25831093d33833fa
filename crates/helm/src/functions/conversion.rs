//! Between the values of templates and the types that functions are written in.

use std::rc::Rc;

use crate::go::time::Time;
use crate::go::{Map, MapType, Str, Value};

/// The type of a parameter, as Go declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`
    Any,
    /// `reflect.Value`
    Reflect,
    /// `string`
    String,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float,
    /// `bool`
    Bool,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    /// `time.Time`
    Time,
    /// `sprig.certificate`
    Certificate,
}

impl Type {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Reflect => "reflect.Value",
            Type::String => "string",
            Type::Int => "int",
            Type::Int64 => "int64",
            Type::Float => "float64",
            Type::Bool => "bool",
            Type::Map => "map[string]interface {}",
            Type::List => "[]interface {}",
            Type::Time => "time.Time",
            Type::Certificate => "sprig.certificate",
        }
    }

    /// Whether a value can be passed as it is.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Type::Any | Type::Reflect, _)
            | (Type::String, Value::String(_))
            | (Type::Int, Value::Int(_))
            | (Type::Int64, Value::Int64(_))
            | (Type::Float, Value::Float(_))
            | (Type::Bool, Value::Bool(_)) => true,
            (Type::List, Value::List(list)) => list.kind == crate::go::ListType::Any,
            (Type::Map, Value::Map(map)) => matches!(map.kind, MapType::Any | MapType::Values),
            (Type::Time, value) => Time::of(value).is_some(),
            (Type::Certificate, value) => super::certificates::Certificate::of(value).is_some(),
            _ => false,
        }
    }

    /// Whether Go has a nil of this type.
    pub(crate) fn can_be_nil(self) -> bool {
        matches!(self, Type::Any | Type::Reflect | Type::Map | Type::List)
    }

    /// Whether a constant of the source can stand for it at all.
    pub(crate) fn takes_constants(self) -> bool {
        !matches!(self, Type::Map | Type::List | Type::Time | Type::Certificate)
    }
}

/// A value of the type `int`.
#[derive(Debug, Clone, Copy)]
pub struct Int(pub i64);

/// A value as `reflect` sees it: no value is told from nil.
#[derive(Clone)]
pub struct Reflected(pub Value);

/// What follows the parameters of a variadic function.
pub struct Rest<T>(pub Vec<T>);

/// One parameter.
pub trait Parameter: Sized {
    /// Its type.
    const TYPE: Type;
    /// The value, which is of this type or nil.
    fn take(value: &Value) -> Self;
}

macro_rules! parameter {
    ($type:ty, $name:expr, $value:ident => $($pattern:pat => $result:expr),+ ; $nil:expr) => {
        impl Parameter for $type {
            const TYPE: Type = $name;
            fn take($value: &Value) -> Self {
                match $value {
                    $($pattern => $result,)+
                    // The caller has checked the type; what is left is nil.
                    _ => $nil,
                }
            }
        }
    };
}

parameter!(Str, Type::String, value => Value::String(text) => text.clone(); Str::from(""));
parameter!(Int, Type::Int, value => Value::Int(number) => Int(*number); Int(0));
parameter!(f64, Type::Float, value => Value::Float(number) => *number; 0.0);
parameter!(bool, Type::Bool, value => Value::Bool(flag) => *flag; false);
parameter!(Map, Type::Map, value => Value::Map(map) => map.clone(); Map::new());

impl Parameter for Value {
    const TYPE: Type = Type::Any;
    fn take(value: &Value) -> Value {
        // An interface that holds nothing is nil to a function.
        if matches!(value, Value::Invalid) { Value::Nil } else { value.clone() }
    }
}

impl Parameter for Reflected {
    const TYPE: Type = Type::Reflect;
    fn take(value: &Value) -> Reflected {
        Reflected(value.clone())
    }
}

impl Parameter for Time {
    const TYPE: Type = Type::Time;
    fn take(value: &Value) -> Time {
        Time::of(value).cloned().unwrap_or_else(Time::zero)
    }
}

impl Parameter for super::certificates::Certificate {
    const TYPE: Type = Type::Certificate;
    fn take(value: &Value) -> Self {
        super::certificates::Certificate::of(value).cloned().unwrap_or_default()
    }
}

/// `[]interface{}`, or nil.
pub struct AnyList(pub Option<Vec<Value>>);

impl Parameter for AnyList {
    const TYPE: Type = Type::List;
    fn take(value: &Value) -> AnyList {
        match value {
            Value::List(list) => AnyList(Some(list.to_vec())),
            _ => AnyList(None),
        }
    }
}

/// A closure that can be called with values.
pub trait Callable<A>: Send + Sync + 'static {
    /// The types of its parameters.
    fn signature() -> (Vec<Type>, Option<Type>);
    /// Calls it; the arguments fit the signature.
    fn call(&self, arguments: &[Value]) -> Result<Value, String>;
}

/// Marks the arguments of a variadic closure.
pub struct Variadic<A>(std::marker::PhantomData<A>);

macro_rules! callable {
    ($($name:ident $at:tt),*) => {
        impl<Fun, Ret, $($name),*> Callable<($($name,)*)> for Fun
        where
            Fun: Fn($($name),*) -> Ret + Send + Sync + 'static,
            Ret: Returned,
            $($name: Parameter,)*
        {
            fn signature() -> (Vec<Type>, Option<Type>) {
                (vec![$($name::TYPE),*], None)
            }
            fn call(&self, arguments: &[Value]) -> Result<Value, String> {
                let _ = arguments;
                self($($name::take(&arguments[$at])),*).give()
            }
        }

        impl<Fun, Ret, Last, $($name),*> Callable<Variadic<($($name,)* Last,)>> for Fun
        where
            Fun: Fn($($name,)* Rest<Last>) -> Ret + Send + Sync + 'static,
            Ret: Returned,
            Last: Parameter,
            $($name: Parameter,)*
        {
            fn signature() -> (Vec<Type>, Option<Type>) {
                (vec![$($name::TYPE),*], Some(Last::TYPE))
            }
            fn call(&self, arguments: &[Value]) -> Result<Value, String> {
                const FIXED: usize = [$($at,)* 0usize].len() - 1;
                let rest = Rest(arguments[FIXED..].iter().map(Last::take).collect());
                self($($name::take(&arguments[$at]),)* rest).give()
            }
        }
    };
}

callable!();
callable!(A 0);
callable!(A 0, B 1);
callable!(A 0, B 1, C 2);
callable!(A 0, B 1, C 2, D 3);
callable!(A 0, B 1, C 2, D 3, E 4);
callable!(A 0, B 1, C 2, D 3, E 4, F 5);

/// What a function gives back.
pub trait Returned {
    /// As a value of templates.
    fn give(self) -> Result<Value, String>;
}

impl<T: Into<Value>> Returned for T {
    fn give(self) -> Result<Value, String> {
        Ok(self.into())
    }
}

impl<T: Into<Value>> Returned for Result<T, String> {
    fn give(self) -> Result<Value, String> {
        self.map(Into::into)
    }
}

impl From<Int> for Value {
    fn from(value: Int) -> Value {
        Value::Int(value.0)
    }
}

impl From<Reflected> for Value {
    fn from(value: Reflected) -> Value {
        value.0
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::String(bytes.into())
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Value {
        time.into_value()
    }
}

impl From<Rc<[u8]>> for Value {
    fn from(bytes: Rc<[u8]>) -> Value {
        Value::Bytes(bytes)
    }
}

/// `int64` results.
impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int64(value)
    }
}
