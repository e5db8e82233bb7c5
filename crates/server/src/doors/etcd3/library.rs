//! Services that are the same at every gRPC server, and are served by a library: health and reflection.

use tonic::Code;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::grpc::{Reply, Status};
use crate::http2::{Body, Head};

/// What the paths of those services begin with.
const SERVICES: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Whether the library serves what is at this path.
pub(super) fn has(path: &str) -> bool {
    SERVICES.iter().any(|service| path.starts_with(service))
}

/// The services. The server as a whole is healthy for as long as it answers, as etcd's is.
pub(super) fn routes() -> Routes {
    let (_, health) = tonic_health::server::health_reporter();
    let mut routes = Routes::builder();
    routes.add_service(health);
    let files = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(hyrax_etcd::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (files().build_v1(), files().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => {
            routes.add_service(v1);
            routes.add_service(v1alpha);
        }
        // The files are part of the program, so that they are good is known by its tests.
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "there is no reflection"),
    }
    routes.routes().prepare()
}

/// Answers a call of one of them.
pub(super) async fn answer(routes: Routes, head: Head, body: Body) -> Reply {
    let Some(request) = head.with_body(tonic::body::Body::new(body)) else {
        return Reply::Refused(Status::fixed(Code::Internal, "malformed header"));
    };
    // Routes refuse nothing by an error: what is wrong is in the response.
    let Ok(response) = routes.oneshot(request).await;
    Reply::Library(response)
}
