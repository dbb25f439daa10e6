//! The port for people and probes: `/metrics`, `/healthz`, `/readyz`, `/primary`, `/replica`, and one page.

use crate::compute::Compute;
use crate::{metrics, report};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Servers = Arc<Vec<Arc<Compute>>>;

/// Serves the servers of this process until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    servers: Vec<Arc<Compute>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/", get(page))
        .route("/metrics", get(exposition))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(|State(servers): State<Servers>| async move { probe(&servers, |_| true) }))
        .route("/primary", get(|State(servers): State<Servers>| async move { probe(&servers, Compute::is_writer) }))
        .route("/replica", get(|State(servers): State<Servers>| async move { probe(&servers, |it| !it.is_writer()) }))
        .with_state(Arc::new(servers));
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    Ok(())
}

/// 200 when some ready server is of the wanted kind, else 503: what load balancers ask.
fn probe(servers: &Servers, wanted: impl Fn(&Compute) -> bool) -> (StatusCode, &'static str) {
    if servers.iter().any(|server| server.is_ready() && wanted(server)) {
        (StatusCode::OK, "yes\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no\n")
    }
}

async fn exposition(State(servers): State<Servers>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render(&servers).await)
}

async fn page(State(servers): State<Servers>) -> Html<String> {
    let mut html = String::from(
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=2><title>Redoubt</title>\
         <style>body{font:15px system-ui;margin:2em}td,th{padding:.2em 1em;text-align:left}</style><h1>Redoubt</h1>",
    );
    let Some(server) = servers.iter().find(|server| server.is_writer()).or(servers.first()) else {
        return Html(html);
    };
    let status = report::status(server).await;
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;"),
        other => other.to_string(),
    };
    let _ = write!(html, "<p>VDL {} &middot; epoch {}", text(&status["vdl"]), text(&status["epoch"]));
    for (title, key, columns) in [
        ("Servers", "servers", ["role", "state", "addr", "pid", "lsn", "lag_ms"]),
        ("Storage nodes", "storage_nodes", ["id", "zone", "role", "state", "scl_received", "scl_flushed"]),
    ] {
        let _ = write!(html, "<h2>{title}</h2><table><tr>");
        for column in columns {
            let _ = write!(html, "<th>{column}");
        }
        for row in status[key].as_array().into_iter().flatten() {
            html.push_str("<tr>");
            for column in columns {
                let _ = write!(html, "<td>{}", text(&row[column]));
            }
        }
        html.push_str("</table>");
    }
    Html(html)
}
