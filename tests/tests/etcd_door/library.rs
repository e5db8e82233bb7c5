//! Health and reflection, and what is not there, in raw calls.

use std::str::FromStr;

use bytes::Bytes;
use hyrax_tests::hyrax::Hyrax;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::stage::{refused, run};

/// Messages as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(into, message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes::Buf::remaining(from);
        Ok(Some(bytes::Buf::copy_to_bytes(from, length)))
    }
}

/// Makes a call of this message to this path.
async fn call(hyrax: &Hyrax, path: &str, message: &'static [u8]) -> Result<Bytes, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{}", hyrax.address())).unwrap();
    let mut client = Grpc::new(endpoint.connect().await.unwrap());
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_str(path).unwrap();
    Ok(client.unary(Request::new(Bytes::from_static(message)), path, Raw).await?.into_inner())
}

#[test]
fn health_is_told() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let answer = call(&hyrax, "/grpc.health.v1.Health/Check", b"").await.unwrap();
        assert_eq!(answer.as_ref(), [8, 1], "SERVING");
    });
}

#[test]
fn reflection_lists_the_services() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        for version in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            // `list_services`, of any content.
            let answer = call(&hyrax, &path, b"\x3a\x01*").await.unwrap();
            let answer = String::from_utf8_lossy(&answer);
            for service in ["etcdserverpb.KV", "etcdserverpb.Watch", "v3lockpb.Lock"] {
                assert!(answer.contains(service), "{version}: {answer}");
            }
        }
    });
}

#[test]
fn what_is_not_there_and_what_is_no_message_is_said_as_etcds_library_says_it() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let answer = call(&hyrax, "/etcdserverpb.KV/Nothing", b"").await;
        refused(answer, Code::Unimplemented, "unknown method Nothing for service etcdserverpb.KV");
        let answer = call(&hyrax, "/a.B/C", b"").await;
        refused(answer, Code::Unimplemented, "unknown service a.B");
        let answer = call(&hyrax, "/etcdserverpb.KV/Range", b"\xff\xff").await.unwrap_err();
        assert_eq!(answer.code(), Code::Internal);
        assert!(answer.message().starts_with("grpc: error unmarshalling request: "), "{answer:?}");
    });
}
