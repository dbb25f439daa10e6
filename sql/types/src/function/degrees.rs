//! Trigonometry in degrees, exact at the angles whose sines, cosines and tangents are.
//!
//! Everything is divided by what the same function makes of such an angle, so that its error is divided away.
//!
//! Source: PostgreSQL `src/backend/utils/adt/float.c`.

use std::f64::consts;

use super::math::trigonometric;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::Result;
use crate::sqltype::oid::*;

const RADIANS_PER_DEGREE: f64 = consts::PI / 180.0;

/// The sine of an angle up to 30.
fn small_sine(angle: f64) -> f64 {
    let sine = |angle: f64| (angle * RADIANS_PER_DEGREE).sin();
    sine(angle) / sine(30.0) / 2.0
}

/// The cosine of an angle up to 60.
fn small_cosine(angle: f64) -> f64 {
    let rest = |angle: f64| 1.0 - (angle * RADIANS_PER_DEGREE).cos();
    1.0 - rest(angle) / rest(60.0) / 2.0
}

/// The sine of an angle up to 90.
fn sine(angle: f64) -> f64 {
    if angle <= 30.0 { small_sine(angle) } else { small_cosine(90.0 - angle) }
}

/// The cosine of an angle up to 90.
fn cosine(angle: f64) -> f64 {
    if angle <= 60.0 { small_cosine(angle) } else { small_sine(90.0 - angle) }
}

/// The angle up to 90 with the same sine and cosine but for their signs, and these.
fn folded(angle: f64) -> (f64, f64, f64) {
    let (mut angle, mut sine, mut cosine) = (angle % 360.0, 1.0, 1.0);
    if angle < 0.0 {
        angle = -angle;
        sine = -sine;
    }
    if angle > 180.0 {
        angle = 360.0 - angle;
        sine = -sine;
    }
    if angle > 90.0 {
        angle = 180.0 - angle;
        cosine = -cosine;
    }
    (angle, sine, cosine)
}

fn sind(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |angle| {
        let (angle, sign, _) = folded(angle);
        sign * sine(angle)
    })
}

fn cosd(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |angle| {
        let (angle, _, sign) = folded(angle);
        sign * cosine(angle)
    })
}

/// Zero has no sign here.
fn unsigned_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

fn tand(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |angle| {
        let (angle, sine_sign, cosine_sign) = folded(angle);
        let tangent = |angle: f64| sine(angle) / cosine(angle);
        unsigned_zero(sine_sign * cosine_sign * (tangent(angle) / tangent(45.0)))
    })
}

fn cotd(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |angle| {
        let (angle, sine_sign, cosine_sign) = folded(angle);
        let cotangent = |angle: f64| cosine(angle) / sine(angle);
        unsigned_zero(sine_sign * cosine_sign * (cotangent(angle) / cotangent(45.0)))
    })
}

/// Of a sine up to a half.
fn small_arcsine(sine: f64) -> f64 {
    sine.asin() / 0.5_f64.asin() * 30.0
}

/// Of a cosine from a half on.
fn small_arccosine(cosine: f64) -> f64 {
    cosine.acos() / 0.5_f64.acos() * 60.0
}

/// Of a sine that is not negative.
fn arcsine(sine: f64) -> f64 {
    if sine <= 0.5 { small_arcsine(sine) } else { 90.0 - small_arccosine(sine) }
}

fn asind(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |sine| if sine < 0.0 { -arcsine(-sine) } else { arcsine(sine) })
}

fn acosd(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |cosine| {
        if cosine < 0.0 {
            90.0 + arcsine(-cosine)
        } else if cosine <= 0.5 {
            90.0 - small_arcsine(cosine)
        } else {
            small_arccosine(cosine)
        }
    })
}

fn atand(call: &mut Call<'_>) -> Result<Datum> {
    trigonometric(call, |tangent| tangent.atan() / 1.0_f64.atan() * 45.0)
}

fn atan2d(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float8(call.f64(0)?.atan2(call.f64(1)?) / 1.0_f64.atan() * 45.0))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(2731, "asind", &[FLOAT8], FLOAT8, asind),
    Function::strict(2732, "acosd", &[FLOAT8], FLOAT8, acosd),
    Function::strict(2733, "atand", &[FLOAT8], FLOAT8, atand),
    Function::strict(2734, "atan2d", &[FLOAT8, FLOAT8], FLOAT8, atan2d),
    Function::strict(2735, "sind", &[FLOAT8], FLOAT8, sind),
    Function::strict(2736, "cosd", &[FLOAT8], FLOAT8, cosd),
    Function::strict(2737, "tand", &[FLOAT8], FLOAT8, tand),
    Function::strict(2738, "cotd", &[FLOAT8], FLOAT8, cotd),
];
