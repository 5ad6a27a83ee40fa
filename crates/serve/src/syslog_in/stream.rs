//! The bytes of one client of the TCP door.

use std::{net::SocketAddr, time::Duration};

use logweir_wire::syslog::framing::Decoder;

use super::{
    connection::{Goes, Stream},
    intake::Intake,
};
use crate::datagram_door::Intake as _;

/// Messages in either framing.
pub(super) struct Messages {
    decoder: Decoder,
    intake: Intake,
    from: SocketAddr,
}

impl Messages {
    /// Refuses messages of more than `limit` bytes.
    pub(super) fn new(limit: usize, intake: Intake, from: SocketAddr) -> Self {
        Self {
            decoder: Decoder::new(limit),
            intake,
            from,
        }
    }
}

impl Stream for Messages {
    fn take(&mut self, bytes: &[u8]) -> Goes {
        self.decoder.push(bytes);
        let mut goes = Goes::On;
        while let Some(message) = self.decoder.next_message() {
            match message {
                Ok(message) => self.intake.take(message),
                Err(error) => {
                    self.intake.counts.broken(self.from, &error);
                    if error.is_fatal() {
                        goes = Goes::Over;
                    }
                }
            }
        }
        self.intake.send_on();
        goes
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn rest(&mut self) {}

    /// The stream is over: its last line may lack a newline.
    fn finish(&mut self) {
        match self.decoder.finish() {
            Some(Ok(message)) => self.intake.take(message),
            Some(Err(error)) => self.intake.counts.broken(self.from, &error),
            None => {}
        }
        self.intake.send_on();
    }
}
