//! `f(a, VARIADIC array)` where `f` takes any number of arguments of any types: the elements become arguments.

use super::{Call, Function, Registry};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;

/// What such a call is bound to: the function's oid, then the arguments as they were given. An oid of our own.
pub const CALL_VARIADIC: u32 = 15_937;

fn call_variadic(call: &mut Call<'_>) -> Result<Datum> {
    let function = Registry::builtin().function(call.i64(0)? as u32);
    let takes_any = |function: &&Function| function.variadic && function.args.last() == Some(&ANY);
    let Some(function) = function.filter(takes_any).filter(|function| function.oid != CALL_VARIADIC) else {
        return Err(Error::internal("a call of what is no variadic function"));
    };
    let Some(last) = call.args.len().checked_sub(1).filter(|last| *last > 0) else {
        return Err(Error::internal("a variadic call without an array"));
    };
    let (mut args, mut types) = (call.args[1..last].to_vec(), Vec::with_capacity(last));
    types.extend((1..last).map(|i| call.arg_type(i)));
    match call.arg(last) {
        Datum::Array(array) => {
            let element = call.arg_type(last).element().unwrap_or(SqlType::of(array.element));
            types.extend(std::iter::repeat_n(element, array.elements.len()));
            args.extend(array.elements.iter().cloned());
        }
        // To format no array is one without elements, to all others null.
        Datum::Null if function.name == "format" => {}
        Datum::Null => return Ok(Datum::Null),
        other => return Err(Error::internal(format!("a variadic argument is {other:?}, expected an array"))),
    }
    function.call(&mut Call::new(&args, &types, call.result, call.settings))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(CALL_VARIADIC, "call_variadic", &[OID, ANY], ANYELEMENT, call_variadic).called_on_null().stable().variadic(),
];
