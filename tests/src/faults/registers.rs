//! Histories of registers: keys that are read, written, and replaced where they hold what was expected.

use std::time::Duration;

use hyrax_etcd::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use hyrax_etcd::etcdserverpb::request_op::Request;
use hyrax_etcd::etcdserverpb::{Compare, PutRequest, RangeRequest, RequestOp, TxnRequest};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

use super::storm::Storm;
use crate::differential::Random;
use crate::etcd::EtcdClient;
use crate::linearizability::register::{Answer, Ask, Register};
use crate::linearizability::{Call, History, Recorder, Returned};

/// How long a client waits for an answer before it takes the call for lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Values are told apart by who wrote them: this many for each client.
const VALUES_PER_CLIENT: u64 = 1 << 32;

/// Has `clients` work on `registers` until the storm is over. Answers the history of each register.
pub async fn record_registers(
    storm: Storm,
    seed: u64,
    clients: u64,
    registers: usize,
) -> Vec<History<Register>> {
    let recorder = Recorder::default();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        tasks.spawn(work(storm.clone(), recorder.clone(), Random::new(seed ^ client), client, registers));
    }
    let mut histories = vec![History::default(); registers];
    for history in tasks.join_all().await {
        for (all, own) in histories.iter_mut().zip(history) {
            all.extend(own);
        }
    }
    histories
}

async fn work(
    storm: Storm,
    recorder: Recorder,
    mut random: Random,
    client: u64,
    registers: usize,
) -> Vec<History<Register>> {
    let mut histories = vec![History::default(); registers];
    // What was last seen of each register.
    let mut seen = vec![0; registers];
    let mut connection = storm.connect().await;
    let mut value = client * VALUES_PER_CLIENT;
    while !storm.is_over() {
        let register = random.below(registers);
        value += 1;
        let ask = match random.below(4) {
            0 | 1 => Ask::Read,
            2 => Ask::Write(value),
            _ => Ask::Replace(seen[register], value),
        };
        let began = recorder.tick();
        let answer = timeout(ANSWER_WITHIN, request(&mut connection, register, &ask)).await;
        let returned = match answer {
            Ok(Ok(answer)) => Returned::At(recorder.tick(), answer),
            Ok(Err(_)) | Err(_) => {
                connection = storm.connect().await;
                Returned::Never
            }
        };
        match (&ask, &returned) {
            // Nobody can tell whether it happened, nor what from.
            (Ask::Read, Returned::Never) => continue,
            (_, Returned::At(_, Answer::Value(Some(read)))) => seen[register] = *read,
            (_, Returned::At(_, Answer::Written | Answer::Replaced(true))) => seen[register] = value,
            _ => {}
        }
        histories[register].calls.push(Call { began, ask, returned });
    }
    histories
}

async fn request(client: &mut EtcdClient, register: usize, ask: &Ask) -> Result<Answer, Status> {
    let key = format!("register/{register}");
    let put = |value: &u64| PutRequest {
        key: key.clone().into(),
        value: value.to_string().into(),
        ..PutRequest::default()
    };
    Ok(match ask {
        Ask::Read => {
            let range = RangeRequest { key: key.into(), ..RangeRequest::default() };
            let kvs = client.kv.range(range).await?.into_inner().kvs;
            Answer::Value(kvs.first().map(|kv| number(&kv.value)))
        }
        Ask::Write(value) => {
            client.kv.put(put(value)).await?;
            Answer::Written
        }
        Ask::Replace(expected, value) => {
            let compare = Compare {
                result: CompareResult::Equal.into(),
                target: CompareTarget::Value.into(),
                key: key.clone().into(),
                target_union: Some(TargetUnion::Value(expected.to_string().into())),
                ..Compare::default()
            };
            let success = RequestOp { request: Some(Request::RequestPut(put(value))) };
            let txn = TxnRequest { compare: vec![compare], success: vec![success], failure: Vec::new() };
            Answer::Replaced(client.kv.txn(txn).await?.into_inner().succeeded)
        }
    })
}

fn number(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value);
    text.parse().unwrap_or_else(|_| panic!("a register holds {text:?}, which nobody wrote"))
}
