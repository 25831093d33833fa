//! What a running syncline tells machines: health, readiness, metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sync::Metrics;

/// A token that clients of `/metrics` have to send.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// The token as its file holds it.
    pub fn new(text: &str) -> Token {
        Token(text.trim().into())
    }

    /// Whether an `Authorization` header carries it; takes the same time whatever
    /// the header says.
    fn is_in(&self, header: Option<&HeaderValue>) -> bool {
        let sent = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
        !self.0.is_empty() && bool::from(sent.ct_eq(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` until shut down; the last to those
/// who send the token, if there is one.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    token: Option<Token>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let ready = Arc::clone(&metrics);
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(move || async move {
                if ready.is_ready() {
                    (StatusCode::OK, "ok\n").into_response()
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "no commit was loaded yet\n").into_response()
                }
            }),
        )
        .route(
            "/metrics",
            get(move |headers: HeaderMap| async move {
                if token.is_some_and(|token| !token.is_in(headers.get(header::AUTHORIZATION))) {
                    return (StatusCode::UNAUTHORIZED, "send the token as Authorization: Bearer\n")
                        .into_response();
                }
                let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, content_type)], metrics.encode()).into_response()
            }),
        );
    axum::serve(listener, app).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// Binds the address that is served.
///
/// # Errors
/// When the address is taken, or reaches beyond this machine and there is no token.
pub async fn bind(address: SocketAddr, token: Option<&Token>) -> std::io::Result<TcpListener> {
    if !address.ip().is_loopback() && token.is_none() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "it reaches beyond this machine, and --listen-token-file is not given",
        ));
    }
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_the_token() {
        let token = Token::new("s3cret\n");
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        assert!(token.is_in(Some(&header("Bearer s3cret"))));
        for other in ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "Basic s3cret", "s3cret"] {
            assert!(!token.is_in(Some(&header(other))), "{other}");
        }
        assert!(!token.is_in(None) && !Token::new("").is_in(Some(&header("Bearer "))));
    }

    #[tokio::test]
    async fn nothing_listens_beyond_loopback_without_a_token() {
        let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
        assert!(bind(everywhere, None).await.is_err());
        assert!(bind("127.0.0.1:0".parse().unwrap(), None).await.is_ok());
        assert!(bind(everywhere, Some(&Token::new("a"))).await.is_ok());
    }
}
