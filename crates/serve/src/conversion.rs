//! The way between the generations that an exchange of both is given.

use bytes::BytesMut;
use logweir_route::Converter;
use logweir_wire::convert::{ToV1, v1_to_v2, v2_to_v1};

/// The conversions of [`logweir_wire::convert`], surplus metrics of containers kept.
pub(crate) const CONVERTER: Converter = Converter { to_v1, to_v2 };

fn to_v1(envelope: &[u8], each: &mut dyn FnMut(&[u8])) -> bool {
    matches!(v2_to_v1(envelope, &ToV1::default(), each), Ok(None))
}

fn to_v2(payload: &[u8], out: &mut BytesMut) -> bool {
    v1_to_v2(payload, out).is_ok()
}
