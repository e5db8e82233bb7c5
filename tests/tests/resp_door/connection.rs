//! Commands about the connection and the server, byte for byte beside Redis.

use crate::bytes::beside_redis;

#[test]
fn a_connection_is_greeted_named_and_reset_as_by_redis() {
    beside_redis(
        &[],
        [
            "PING\r\nPING a\r\nPING a b\r\nECHO\r\nECHO a\r\nQUIT\r\nPING\r\n",
            "SELECT 0\r\nSELECT a\r\nSELECT -1\r\nSELECT 1\r\nSELECT 99999999999\r\n",
            "HELLO 4\r\nHELLO a\r\nHELLO 2 FOO\r\nHELLO 2 AUTH a\r\nHELLO 2 AUTH a b\r\nHELLO 2 SETNAME 'a b'\r\n",
            "AUTH\r\nAUTH a\r\nAUTH a b\r\nAUTH default b\r\nAUTH a b c\r\n",
            "CLIENT SETNAME 'a b'\r\nCLIENT GETNAME\r\nCLIENT SETNAME abc\r\nCLIENT GETNAME\r\nCLIENT SETNAME ''\r\nCLIENT GETNAME\r\n",
            "CLIENT SETNAME abc\r\nRESET\r\nCLIENT GETNAME\r\nMULTI\r\nRESET\r\nEXEC\r\n",
            "POST / HTTP\r\nPING\r\n",
        ],
    );
}

#[test]
fn replies_are_left_out_as_by_redis() {
    beside_redis(
        &[],
        [
            "CLIENT REPLY SKIP\r\nPING\r\nPING x\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n",
            "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n",
            "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\nCLIENT REPLY FOO\r\n",
        ],
    );
}

#[test]
fn clients_are_told_of_and_disconnected_as_by_redis() {
    beside_redis(
        &[],
        [
            "CLIENT KILL\r\nCLIENT KILL 1.1.1.1:1\r\nCLIENT KILL ID\r\nCLIENT KILL ID 0\r\nCLIENT KILL TYPE foo\r\n",
            "CLIENT KILL TYPE pubsub\r\nCLIENT KILL USER nobody\r\nCLIENT KILL SKIPME maybe\r\nCLIENT KILL FOO a\r\n",
            "CLIENT NO-EVICT FOO\r\nCLIENT NO-EVICT ON\r\nCLIENT PAUSE foo\r\nCLIENT PAUSE -1\r\nCLIENT PAUSE 1 FOO\r\n",
            "CLIENT UNBLOCK 99\r\nCLIENT UNBLOCK a\r\nCLIENT UNBLOCK 1 FOO\r\nCLIENT GETREDIR\r\nCLIENT TRACKINGINFO\r\n",
            "CLIENT CACHING YES\r\nCLIENT TRACKING OFF\r\nCLIENT TRACKING FOO\r\nCLIENT LIST TYPE foo\r\nCLIENT LIST FOO\r\n",
            "CLIENT LIST ID x\r\nCLIENT LIST ID 99 98\r\nCLIENT HELP\r\nCLIENT NO-TOUCH ON\r\n",
            "CLIENT PAUSE 100 WRITE\r\nPING\r\nSET pausing 1\r\nGET pausing\r\nCLIENT UNPAUSE\r\n",
        ],
    );
}

#[test]
fn the_server_tells_of_itself_as_redis_does() {
    beside_redis(
        &[],
        [
            "CONFIG\r\nCONFIG GET\r\nCONFIG GET nosuch\r\nCONFIG SET a\r\nCONFIG SET nosuch 1\r\nCONFIG REWRITE\r\nCONFIG HELP\r\n",
            "CONFIG SET maxmemory foo\r\nCONFIG SET maxmemory 0 maxmemory 1\r\nCONFIG SET maxmemory 10mb slowlog-max-len x\r\nCONFIG GET maxmemory\r\n",
            "CONFIG SET notify-keyspace-events foo\r\nCONFIG SET notify-keyspace-events KEA\r\nCONFIG GET notify-keyspace-e*\r\nCONFIG SET notify-keyspace-events ''\r\n",
            "CONFIG SET save '' appendonly no\r\nCONFIG GET save\r\nCONFIG SET proto-max-bulk-len 1\r\nCONFIG RESETSTAT x\r\nCONFIG RESETSTAT\r\n",
            "SLOWLOG\r\nSLOWLOG GET a\r\nSLOWLOG GET -2\r\nSLOWLOG RESET\r\nSLOWLOG LEN\r\nSLOWLOG GET\r\nSLOWLOG HELP\r\n",
            "LATENCY\r\nLATENCY LATEST\r\nLATENCY HISTORY x\r\nLATENCY GRAPH x\r\nLATENCY RESET a b\r\nLATENCY HELP\r\nLATENCY DOCTOR\r\n",
            "MEMORY\r\nMEMORY HELP\r\nMEMORY USAGE\r\nMEMORY USAGE nosuch\r\nMEMORY PURGE\r\nROLE\r\nLOLWUT\r\nLOLWUT VERSION 5x\r\n",
            "WAIT 0 0\r\nWAIT a 0\r\nWAIT 0 a\r\nWAIT 0 -1\r\nWAIT 1 20\r\nMULTI\r\nWAIT 1 0\r\nEXEC\r\n",
            "SHUTDOWN FOO\r\nSHUTDOWN SAVE NOSAVE\r\nSHUTDOWN ABORT\r\nSHUTDOWN ABORT NOW\r\n",
            "INFO nosuch\r\nINFO cluster\r\nINFO modules\r\nINFO cluster modules\r\n",
            "HELLO 3 SETNAME a b\r\nMULTI\r\nMONITOR\r\nSHUTDOWN\r\nAUTH a\r\nHELLO 9\r\nEXEC\r\n",
        ],
    );
}
