//! Who may do what.

use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::auth_client::AuthClient;
use hyrax_tests::etcd::EtcdClient;
use hyrax_tests::hyrax::Hyrax;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::stage::{create, get, next, put, refused, run};

async fn auth(hyrax: &Hyrax) -> AuthClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", hyrax.address())).unwrap();
    AuthClient::new(endpoint.connect().await.unwrap())
}

fn with_token<T>(message: T, name: &'static str, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(name, MetadataValue::try_from(token).unwrap());
    request
}

fn as_operator(name: &str, password: &str) -> pb::AuthenticateRequest {
    pb::AuthenticateRequest { name: name.to_owned(), password: password.to_owned() }
}

#[test]
fn a_write_needs_a_token_and_a_read_does_not() {
    let hyrax = Hyrax::start(&["--operator", "ann:pass", "--secret", "hush", "--sudo", "10.0.0.0/8"]);
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let nobody = "etcdserver: user name is empty";
        client.kv.range(get("a")).await.unwrap();
        refused(client.kv.put(put("a", "1")).await, Code::InvalidArgument, nobody);
        let grant = pb::LeaseGrantRequest { ttl: 10, id: 0 };
        refused(client.lease.lease_grant(grant).await, Code::InvalidArgument, nobody);
        let hash = client.maintenance.hash(pb::HashRequest {}).await;
        refused(hash, Code::InvalidArgument, nobody);

        let mut auth = auth(&hyrax).await;
        let failed = "etcdserver: authentication failed, invalid user ID or password";
        refused(auth.authenticate(as_operator("ann", "no")).await, Code::InvalidArgument, failed);
        refused(auth.authenticate(as_operator("bob", "pass")).await, Code::InvalidArgument, failed);
        let token = auth.authenticate(as_operator("ann", "pass")).await.unwrap().into_inner().token;
        for (name, token) in [
            ("token", token.clone()),
            ("authorization", token.clone()),
            ("authorization", format!("Bearer {token}")),
            ("token", "hush".to_owned()),
        ] {
            client.kv.put(with_token(put("a", "1"), name, &token)).await.unwrap();
        }
        let bad = "etcdserver: invalid auth token";
        let request = with_token(put("a", "1"), "token", "nonsense");
        refused(client.kv.put(request).await, Code::Unauthenticated, bad);
        let request = with_token(get("a"), "token", &format!("{token}0"));
        refused(client.kv.range(request).await, Code::Unauthenticated, bad);
        // A secret is not an operator's.
        let request = with_token(pb::HashRequest {}, "token", "hush");
        let denied = "etcdserver: permission denied";
        refused(client.maintenance.hash(request).await, Code::PermissionDenied, denied);
        client.maintenance.hash(with_token(pb::HashRequest {}, "token", &token)).await.unwrap();

        let list = with_token(pb::AuthUserListRequest {}, "token", &token);
        assert_eq!(auth.user_list(list).await.unwrap().into_inner().users, ["ann"]);
        let add = with_token(pb::AuthUserAddRequest::default(), "token", &token);
        let refusal = auth.user_add(add).await.unwrap_err();
        assert!(refusal.message().contains("configured"), "{refusal:?}");
    });
}

#[test]
fn where_reading_is_closed_a_watch_is_refused_in_its_stream() {
    let hyrax = Hyrax::start(&["--operator", "ann:pass", "--anonymous-read=false", "--sudo", "10.0.0.0/8"]);
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let nobody = "etcdserver: user name is empty";
        refused(client.kv.range(get("a")).await, Code::InvalidArgument, nobody);
        let mut watching = client.watch(create("a")).await.unwrap();
        let refused = next(&mut watching).await;
        assert_eq!((refused.created, refused.canceled, refused.watch_id), (true, true, -1));
        assert_eq!(refused.cancel_reason, nobody);
    });
}

#[test]
fn without_secrets_there_is_nobody_to_authenticate_as() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let mut auth = auth(&hyrax).await;
        let refusal = auth.authenticate(as_operator("ann", "pass")).await;
        refused(refusal, Code::FailedPrecondition, "etcdserver: authentication is not enabled");
        let status = auth.auth_status(pb::AuthStatusRequest {}).await.unwrap().into_inner();
        assert!(!status.enabled);
    });
}
