//! Frames as they should be and as they should not.

use crate::bytes::beside_redis;

#[test]
fn malformed_frames_are_refused_as_by_redis() {
    let long = "1".repeat(70_000);
    let mut requests: Vec<String> = [
        "*1\r\n$4\r\nPING\r\n",
        "PING\r\n",
        "PING\n",
        "\r\n\r\n*0\r\n*-1\r\nPING\r\n",
        "*-10\r\nPING\r\n",
        "*2147483648\r\n",
        "*99999999999999999999\r\n",
        "*blabla\r\n",
        "*01\r\n$4\r\nPING\r\n",
        "*1\r\nfooz\r\n",
        "*1\r\n\r\n$4\r\nPING\r\n",
        "*1\r\n\0\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n",
        "*2\r\n$4\r\nECHO\r\n$2\r\nabXX*1\r\n$4\r\nPING\r\n",
        "*1\r\n$10\r\nabc",
        "ECHO \"a b\\x41\\n\"\r\nECHO 'it\\'s'\r\n",
        "set \"\"\"test-key\"\"\" test-value\r\n",
        "echo \"a\r\n",
        "PING\r\n*x\r\nPING\r\n",
    ]
    .map(str::to_owned)
    .to_vec();
    requests.extend([format!("*{long}"), format!("*1\r\n${long}"), format!("ECHO a{long}")]);
    beside_redis(&[], requests);
}

#[test]
fn commands_that_there_are_not_are_refused_as_by_redis() {
    beside_redis(
        &[],
        [
            "FOO\r\nfoo a 'b c' \"d\\re\"\r\nGET\r\nGET a b\r\nSET a\r\n",
            "EVALUATE 'x' 0\r\nnosuch \"a\\x00b\" c\r\n",
            "CLIENT\r\nCLIENT FOO\r\nCLIENT SETNAME\r\nCONFIG FOO\r\nOBJECT FOO\r\nPUBSUB FOO\r\nMEMORY FOO\r\n",
            "COMMAND FOO\r\nSLOWLOG FOO\r\nSLOWLOG GET 1 2\r\nLATENCY FOO\r\nXGROUP FOO\r\nXINFO FOO\r\n",
        ],
    );
}

#[test]
fn what_is_no_part_of_hyrax_is_an_unknown_command() {
    let hyrax = hyrax_tests::hyrax::Hyrax::start(&[]);
    for command in [
        "EVAL x 0",
        "EVALSHA x 0",
        "FCALL x 0",
        "FUNCTION LIST",
        "SCRIPT FLUSH",
        "MODULE LIST",
        "REPLICAOF a 1",
        "SLAVEOF a 1",
        "PSYNC a 1",
        "SYNC",
        "REPLCONF a",
        "FAILOVER",
        "CLUSTER INFO",
        "READONLY",
        "ASKING",
        "MIGRATE a 1 b 0 1",
        "ACL LIST",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "DUMP a",
        "RESTORE a 0 b",
    ] {
        let answer = crate::bytes::exchange(hyrax.address(), format!("{command}\r\n").as_bytes());
        let name = command.split(' ').next().unwrap_or_default();
        assert!(answer.starts_with(&format!("-ERR unknown command \\'{name}\\', with args")), "{answer}");
    }
}
