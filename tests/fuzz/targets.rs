//! The fuzz targets, one module per format: promises that hold for any bytes from outside.

pub(crate) mod event;
pub(crate) mod event_call;
pub(crate) mod queue_message;
pub(crate) mod webhook;
pub(crate) mod cursor;
pub(crate) mod token;
pub(crate) mod target_url;
pub(crate) mod address;
pub(crate) mod answer;
