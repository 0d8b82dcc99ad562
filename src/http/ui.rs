//! The bundled page: files from the binary, and the page itself for every path that is none.

#![cfg_attr(
    not(feature = "ui"),
    allow(unused_imports, dead_code, reason = "this build has no page")
)]

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// A build without the page has nothing to show.
#[cfg(not(feature = "ui"))]
pub(super) fn serve(_path: &str, _headers: &HeaderMap) -> Option<Response> {
    None
}

/// Answers with a file of the page.
#[cfg(feature = "ui")]
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    let file = madang_web::file(name).or_else(|| {
        // Something with an ending is a file that should exist; everything else is a place within the page.
        let last = name.rsplit('/').next().unwrap_or_default();
        if last.contains('.') {
            None
        } else {
            madang_web::file("index.html")
        }
    });
    let Some(file) = file else {
        return Some(plain(StatusCode::NOT_FOUND));
    };
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known == file.etag)
    {
        return Some(plain(StatusCode::NOT_MODIFIED));
    }
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let takes_gzip =
        accepted.is_some_and(|value| value.split(',').any(|part| part.trim().starts_with("gzip")));
    let gzip = file.gzip.filter(|_| takes_gzip);
    let mut response = Response::new(Body::from(gzip.unwrap_or(file.bytes)));
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answer.insert(header::ETAG, HeaderValue::from_static(file.etag));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let caching = if file.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if gzip.is_some() {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
