//! One dropsonde (V1) event of each type, as their emitters send them.

use logweir_proto::v1::{self, envelope::EventType};

use crate::datagrams::text;

/// The app of the events.
pub const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

/// The same as the two words of a V1 UUID.
const APP_WORDS: (u64, u64) = (0x7243_cc58_0bc1_7af4, 0x79d4_c3b2_020e_67a5);

fn envelope(event: EventType) -> v1::Envelope {
    v1::Envelope {
        origin: text("emitter"),
        event_type: Some(event.into()),
        timestamp: Some(1_790_000_000_000_000_000),
        ..v1::Envelope::default()
    }
}

/// A log line of the app.
pub fn log(message: &str) -> v1::Envelope {
    v1::Envelope {
        log_message: Some(v1::LogMessage {
            message: text(message),
            message_type: Some(v1::log_message::MessageType::Err.into()),
            timestamp: Some(1_790_000_000_000_000_001),
            app_id: text(APP),
            source_type: text("APP/PROC/WEB"),
            source_instance: text("3"),
        }),
        ..envelope(EventType::LogMessage)
    }
}

/// A value of the emitter's own.
pub fn value(name: &str, value: f64) -> v1::Envelope {
    v1::Envelope {
        value_metric: Some(v1::ValueMetric {
            name: text(name),
            value: Some(value),
            unit: text("seconds"),
        }),
        ..envelope(EventType::ValueMetric)
    }
}

/// A counter of the emitter's own.
pub fn counter(name: &str, delta: u64) -> v1::Envelope {
    v1::Envelope {
        counter_event: Some(v1::CounterEvent {
            name: text(name),
            delta: Some(delta),
            total: None,
        }),
        ..envelope(EventType::CounterEvent)
    }
}

/// The metrics of a container of the app.
pub fn container() -> v1::Envelope {
    v1::Envelope {
        container_metric: Some(v1::ContainerMetric {
            application_id: text(APP),
            instance_index: Some(2),
            cpu_percentage: Some(12.5),
            memory_bytes: Some(1 << 20),
            disk_bytes: Some(1 << 21),
            memory_bytes_quota: Some(1 << 22),
            disk_bytes_quota: None,
        }),
        ..envelope(EventType::ContainerMetric)
    }
}

/// An error of the emitter's own.
pub fn error(message: &str) -> v1::Envelope {
    v1::Envelope {
        error: Some(v1::Error {
            source: text("the-source"),
            code: Some(7),
            message: text(message),
        }),
        ..envelope(EventType::Error)
    }
}

/// A request to the app.
pub fn request() -> v1::Envelope {
    let id = || {
        Some(v1::Uuid {
            low: Some(APP_WORDS.0),
            high: Some(APP_WORDS.1),
        })
    };
    v1::Envelope {
        http_start_stop: Some(v1::HttpStartStop {
            start_timestamp: Some(10),
            stop_timestamp: Some(30),
            request_id: id(),
            peer_type: Some(v1::PeerType::Server.into()),
            method: Some(v1::Method::Post.into()),
            uri: text("http://app.example/path"),
            remote_address: text("10.0.0.1:1234"),
            user_agent: text("curl"),
            status_code: Some(201),
            content_length: Some(42),
            application_id: id(),
            instance_index: Some(1),
            ..v1::HttpStartStop::default()
        }),
        ..envelope(EventType::HttpStartStop)
    }
}
