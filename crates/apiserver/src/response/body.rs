//! Replies and their bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use serde_json::Value;

use crate::error::ApiError;

/// The body of a reply.
pub enum Body {
    /// All at once; None when it was taken.
    Whole(Option<Bytes>),
    /// Bit by bit.
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Body::Whole(bytes) => Poll::Ready(
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))),
            ),
            Body::Stream(stream) => {
                stream.as_mut().poll_next(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Stream(_) => SizeHint::default(),
        }
    }
}

/// A reply.
pub struct Reply(pub Response<Body>);

impl Reply {
    /// Some bytes of a media type.
    pub fn bytes(status: StatusCode, media_type: &str, bytes: Bytes) -> Reply {
        let mut response = Response::new(Body::Whole(Some(bytes)));
        *response.status_mut() = status;
        if let Ok(media_type) = HeaderValue::from_str(media_type) {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        Reply(response)
    }

    /// JSON text.
    pub fn json(status: StatusCode, json: Bytes) -> Reply {
        Reply::bytes(status, "application/json", json)
    }

    /// A value as JSON.
    pub fn value(status: StatusCode, value: &Value) -> Reply {
        Reply::json(status, value.to_string().into())
    }

    /// Plain text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Reply {
        Reply::bytes(status, "text/plain; charset=utf-8", Bytes::from(text.into()))
    }

    /// JSON texts, as they come.
    pub fn stream(status: StatusCode, stream: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
        let mut reply = Reply::json(status, Bytes::new());
        *reply.0.body_mut() = Body::Stream(Box::pin(stream));
        reply
    }

    /// An error as the API tells it.
    pub fn error(error: &ApiError) -> Reply {
        let mut reply = Reply::value(error.code, &error.status());
        let seconds = error.details.as_ref().and_then(|details| details["retryAfterSeconds"].as_u64());
        if let Some(seconds) = seconds {
            reply.0.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        reply
    }

    /// Adds warnings, as headers.
    pub fn warn(&mut self, warnings: &[String]) {
        for warning in warnings {
            let text: String = warning.chars().filter(|c| !c.is_control()).take(256).collect();
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
                self.0.headers_mut().append(header::WARNING, value);
            }
        }
    }
}
