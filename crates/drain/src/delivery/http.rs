//! stub
use super::{Failure, courier::Courier};
pub(super) async fn session(_: &mut Courier) -> Result<(), Failure> {
    Ok(())
}
