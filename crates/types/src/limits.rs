//! Every bound in one place, each with the reason for its size.
//!
//! A limit that an operator may want to move is the default of a setting; the others are fixed.
//!
//! Commands in flight need no number of their own: a connection of the line door runs one at a time, as
//! its replies leave in order, and an HTTP/2 connection one a stream ([`HTTP2_STREAMS_MAX`]), so that
//! the number of connections bounds them.

use std::time::Duration;

/// A key, an EKG's name, an id. Long enough for any path; short enough that a key never rivals a
/// value, as every change repeats it to every monitor.
pub const KEY_BYTES_MAX: usize = 64 * 1024;

/// One line, frame or body, by default (`max_frame`). A larger value is not live state but a file;
/// and each connection may make the server hold one such line.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// How deep JSON may nest. Commands need three levels; a hundred and more is an attack on the stack.
pub const JSON_DEPTH_MAX: usize = 64;

/// Connections, by default. Ten times what one machine's front end usually sees, and at some 4 KiB
/// each still under a gibibyte.
pub const CONNECTIONS_MAX: usize = 100_000;

/// Bytes queued to one client before its pushes fold into resets, by default. A client this far
/// behind learns more from the current value than from the history.
pub const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reply bytes one client may leave unread before no further command of it is taken. It must hold
/// one large reply; beyond that the client has stopped listening.
pub const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// How long a client with a full queue may read nothing before it is disconnected. Half of
/// [`HALF_OPEN_MAX`]: from outside, a client that stopped reading looks like one that vanished with bytes
/// under way, which must be found in that time.
pub const STALLED_MAX: Duration = Duration::from_secs(15);

/// How long a half-open connection may go unnoticed, by default.
pub const HALF_OPEN_MAX: Duration = Duration::from_secs(30);

/// Connections that wait to be accepted. When a thousand clients reconnect at once, they wait here
/// rather than for a second try; the system cuts it to its own maximum.
pub const LISTEN_BACKLOG: u32 = 4096;

/// Bytes of a first line while its protocol is undecided. What is longer is told by its beginning.
pub const FIRST_LINE_BYTES_MAX: usize = 8 * 1024;

/// How long a first line may take from its first byte on. A person types one faster.
pub const FIRST_LINE_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a TLS handshake may take: a few round trips on the worst of lines.
pub const TLS_HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long a refused client is read from, so that it reads the refusal before it meets a closed
/// socket.
pub const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Clients that are being refused at one time; more are closed without a word.
pub const FAREWELLS_MAX: usize = 64;

/// Bytes of an HTTP request's head. A key of the largest size, each byte percent-encoded, fits in.
pub const HTTP_HEAD_BYTES_MAX: usize = 256 * 1024;

/// Bytes of the head of a request over HTTP/2. Its clients put keys into bodies, and one connection may
/// have a head in memory for each of its streams.
pub const HTTP2_HEAD_BYTES_MAX: u32 = 16 * 1024;

/// Header fields of an HTTP request. Browsers and proxies send some thirty.
pub const HTTP_HEADERS_MAX: usize = 100;

/// How long an HTTP request's head may take, the pause since the request before included: this also
/// ends an idle connection.
pub const HTTP_HEAD_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long an HTTP request's body may take. A body is one frame at most.
pub const HTTP_BODY_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long a command over POST may wait for something to take. Proxies and clients give a request up after
/// a minute; one that is given up while something is taken for it loses that.
pub const POST_WAIT_MAX: Duration = Duration::from_secs(30);

/// Requests in flight on one HTTP/2 connection. gRPC clients wait for a free stream beyond it, and some of
/// them use one for each watch and each lock that they wait for, which may stay for ever.
pub const HTTP2_STREAMS_MAX: u32 = 2_048;

/// Bytes of one HTTP/2 stream that a client may send before they were read.
pub const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;

/// Bytes of all streams of an HTTP/2 connection that a client may send before they were read: the
/// largest frame, so that one large request need not wait for credit.
pub const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Streams of an HTTP/2 connection that its client may break off in a second, or get broken off by its faults. Each
/// costs the client next to nothing; clients that give up watches and waits do not come near it.
pub const HTTP2_RESETS_PER_SECOND_MAX: u32 = 1_000;

/// Bytes read from a WebSocket at a time. The library's own 128 KiB for each connection would be most of
/// what an idle one costs.
pub const WEBSOCKET_BUFFER_BYTES: usize = 4 * 1024;

/// Monitors of one session, by default: keys and prefixes together.
pub const MONITORS_PER_SESSION_MAX: usize = 10_000;

/// Bytes of the keys and prefixes that one session monitors. Keys of usual length do not come near it
/// before their number does; ten thousand of the longest would be gigabytes for some sessions.
pub const MONITORED_KEY_BYTES_PER_SESSION_MAX: usize = 8 * 1024 * 1024;

/// Keys that clients may have copies of (`CLIENT TRACKING`), by default; Redis has the same.
pub const TRACKED_KEYS_MAX: usize = 1_000_000;

/// Bytes of those keys together: a million of usual length, and far from a million of the longest.
pub const TRACKED_KEY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Prefixes whose keys one client is told of (`CLIENT TRACKING … BCAST PREFIX`). Every change is looked up once
/// for each length that there is.
pub const TRACKED_PREFIXES_MAX: usize = 1_000;

/// A monitored prefix. A change is looked up once for each length of a prefix that is monitored.
pub const PREFIX_BYTES_MAX: usize = 1024;

/// Bytes of the channels and patterns that one session subscribed to, for the same reason.
pub const SUBSCRIBED_BYTES_PER_SESSION_MAX: usize = 8 * 1024 * 1024;

/// A pattern of channels' names. Everything published is compared with each of them, in up to as many steps
/// as the product of both lengths.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// Keys that one session watches for a transaction. Each of them is locked together with the
/// transaction's own; real ones watch a handful.
pub const WATCHES_PER_SESSION_MAX: usize = 1_000;

/// Keys that one command waits for. Each keeps a place in a queue for as long as the command waits.
pub const AWAITED_KEYS_MAX: usize = 1_000;

/// EKG entries of one session, by default.
pub const EKGS_PER_SESSION_MAX: usize = 1_000;

/// Locks that one session holds or waits for. Each is a watch in the engine; a client that needs thousands
/// locks too fine.
pub const LOCKS_PER_SESSION_MAX: usize = 1_000;

/// Commands of one client of the line door that are not answered yet. Beyond it commands wait for their turn, so that a
/// server which does not answer costs a client no more than these.
pub const CLIENT_COMMANDS_IN_FLIGHT_MAX: usize = 4_096;

/// Bytes that a client has written, and its socket not taken yet, beyond which it takes no further command: a few
/// of the largest lines.
pub const CLIENT_OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A line that a client takes from a server: the longest reply there is, each of its bytes escaped, is shorter. A peer
/// that is no Hyrax must not fill the memory.
pub const CLIENT_LINE_BYTES_MAX: usize = 4 * COMMAND_REPLY_BYTES_MAX;

/// Bytes of the name of a group, a member, a subgroup, an assigned topic or id, or a member's ephemeral key. They are
/// what people and configurations name, parts of one path, and repeated in what is told of every join.
pub const NAME_BYTES_MAX: usize = 1024;

/// Subgroups of one member. All of them are told to everybody who follows the group.
pub const SUBGROUPS_MAX: usize = 100;

/// The shortest heartbeat: below it, the pauses of a busy machine look like deaths.
pub const HEARTBEAT_MIN: Duration = Duration::from_millis(100);

/// The longest heartbeat: who is found missing after hours was not looked for.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(3600);

/// Seats in groups of one session. Each is a key that everybody who follows its group keeps; a connection speaks
/// for few.
pub const SEATS_PER_SESSION_MAX: usize = 1_000;

/// Ephemeral keys of one member. They are deleted one by one when it leaves.
pub const EPHEMERALS_PER_MEMBER_MAX: usize = 1_000;

/// Groups and elections that one session follows. Each may be a watch in the engine.
pub const FOLLOWED_PER_SESSION_MAX: usize = 1_000;

/// Ids of one topic that are assigned to members. Everybody who takes some keeps in mind who has which.
pub const ASSIGNED_IDS_MAX: usize = 10_000;

/// Locks under whose tokens values were written, remembered for those that come late with a token that was
/// overtaken. Beyond it the locks with the oldest tokens are forgotten, and who holds one of these for so long
/// has to take it anew.
pub const FENCED_LOCKS_MAX: usize = 100_000;

/// Bytes of the names of those locks.
pub const FENCED_LOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Commands in one package. A package is answered by one array, which is held until it is whole.
pub const PACKAGE_COMMANDS_MAX: usize = 10_000;

/// Bytes of one command's answer in JSON. It holds the largest lists and hashes that live state is made
/// of; a line that names one large value ten thousand times would else be answered with gigabytes.
pub const COMMAND_REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one command's reply over RESP. It holds the longest string there can be, which has half of
/// it; a command that names one large value a million times would else be answered with terabytes.
pub const RESP_REPLY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// One word of a command over RESP, by default (`proto_max_bulk_len`): Redis' own.
pub const RESP_BULK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bytes that one command over RESP may have before it is whole, and that the commands of one transaction
/// may have together: Redis' limit of a query buffer. Beyond it the connection is closed, without a word as
/// Redis does.
pub const RESP_COMMAND_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The same for who may only read: the longest such command names many keys, and holds no value.
pub const RESP_READER_COMMAND_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The name that a client gives itself over RESP. It is shown in lists, one line a client.
pub const CLIENT_NAME_BYTES_MAX: usize = 1024;

/// Bytes of a package's answer after which its further commands are refused. A package that asks for
/// one large value again and again would else be answered with gigabytes.
pub const PACKAGE_REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long one client's commands run before others on its thread get their turn: a few hundred
/// commands, or one over the whole key space.
pub const TURN_MAX: Duration = Duration::from_millis(2);

/// Bytes of changes remembered for one monitored key, to answer `since` from.
pub const HISTORY_BYTES_PER_KEY_MAX: usize = 64 * 1024;

/// Changes remembered for one monitored key.
pub const HISTORY_CHANGES_PER_KEY_MAX: usize = 1_000;

/// How long a key that lost its last monitor is remembered, so that a client that reconnects misses
/// nothing.
pub const HISTORY_LINGER: Duration = Duration::from_secs(60);

/// Keys whose history lingers without a monitor; beyond this the oldest are forgotten.
pub const LINGERING_KEYS_MAX: usize = 100_000;

/// Bytes of those keys and what was remembered of them when they lost their last monitor. Whoever
/// monitors the longest keys one after the other makes others' histories be forgotten sooner, no more.
pub const LINGERING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long the node's own lease lives without a renewal, by default: how long others believe in a
/// dead node.
pub const NODE_LEASE: Duration = Duration::from_secs(5);

/// How long a shutdown waits for clients to be told, by default.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Operations, or conditions, in one transaction: etcd's default. All of them run under one lock.
pub const TXN_OPS_MAX: usize = 128;

/// The shortest life of a lease. Below it a lease would end between two looks of the expiry task.
pub const LEASE_TTL_MIN: Duration = Duration::from_millis(100);

/// Events that the coordination engine in memory remembers, for watches that start in the past or
/// fall behind. The etcd v2 door needs 1,000; the rest covers a client's reconnect under load.
pub const COORDINATION_HISTORY_EVENTS_MAX: usize = 100_000;

/// Bytes of those events, so that large values do not make the history rival the data.
pub const COORDINATION_HISTORY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the coordination store's journal after which it is replaced by a snapshot, by default. It is read
/// again within a second when the process starts; and smaller states are not written all the time.
pub const COORDINATION_SNAPSHOT_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// How long after a failed snapshot another is tried. On a full disk each try writes until there is no room.
pub const COORDINATION_SNAPSHOT_RETRY: Duration = Duration::from_secs(60);

/// Events queued for one watch. A watch that is further behind reads the history instead.
pub const WATCH_QUEUE_EVENTS_MAX: usize = 1_024;

/// Secrets attached to one key: all of them are set in one transaction, and each is tried against a
/// wrong one.
pub const SECRETS_PER_KEY_MAX: usize = 32;

/// Keys looked at to find one to evict (`maxmemory_samples`). More would be nearer to the truth by next to
/// nothing, and hold up the command that needs the memory.
pub const MAXMEMORY_SAMPLES_MAX: u32 = 64;

/// A request that writes, at etcd's door: etcd's own default.
pub const ETCD_REQUEST_BYTES_MAX: usize = 1536 * 1024;

/// The same in JSON, where bytes are written in base64 and a third longer.
pub const ETCD_JSON_BYTES_MAX: usize = 2 * ETCD_REQUEST_BYTES_MAX;

/// A gRPC message that is taken at all: that much and etcd's allowance for what is around it. Reads are held
/// to this alone, as etcd's are.
pub const GRPC_MESSAGE_BYTES_MAX: usize = ETCD_REQUEST_BYTES_MAX + 512 * 1024;

/// Bytes of messages that one gRPC connection has sent the beginnings of, over all its streams: several of the largest
/// at a time, where each of two thousand streams could else make the server hold one.
pub const GATHERED_BYTES_PER_CONNECTION_MAX: usize = 16 * 1024 * 1024;

/// How long a token stands for a name and a password. Clients of etcd show one again and again, and some never
/// ask for another, so it must outlast a day's work; a changed password ends it at once.
pub const AUTH_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of one segment of the journal. The next one is prepared while it fills; larger ones would make a small
/// directory large, smaller ones roll over (a sync of the directory) more often.
pub const JOURNAL_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes reserved or appended to the journal that are not yet on disk. A disk takes this in a second or few; what
/// waits longer is better told to try again.
pub const JOURNAL_PENDING_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of one record of the journal: the largest transaction there may be, with room to spare.
pub const JOURNAL_RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Watches of one gRPC connection, over all its streams: as many as a session may have monitors.
pub const WATCHES_PER_CONNECTION_MAX: usize = 10_000;

/// Bytes of the keys that one gRPC connection watches: as of the keys that a session monitors.
pub const WATCHED_KEY_BYTES_PER_CONNECTION_MAX: usize = 8 * 1024 * 1024;

/// Bytes of events queued to one stream of watches. A watch that finds no room reads its events from the
/// history once there is, so that this need only bridge the moments in which a client does something else.
pub const WATCH_STREAM_QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of events after which one response of a watch ends, where a revision does: half of what most gRPC
/// clients take as a message at most.
pub const WATCH_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// How long a watch that asked for it hears nothing before it is told how far it has come: etcd's default.
pub const WATCH_PROGRESS_EVERY: Duration = Duration::from_secs(10 * 60);

/// Parts of a path in the tree of etcd v2. Removing a directory takes two operations for each depth below it, in
/// one transaction of [`TXN_OPS_MAX`]; paths of real trees have some ten.
pub const TREE_DEPTH_MAX: usize = 50;

/// Events of the tree that are remembered for those who wait from an index in the past: etcd's own number, so
/// that who is too late there is too late here.
pub const TREE_HISTORY_EVENTS: usize = 1_000;

/// Revisions looked back for those events when a server starts. Other users of the key space take most of them.
pub const TREE_HISTORY_REVISIONS: u64 = 100_000;

/// Events of the tree queued to one stream before it is ended: etcd's own number.
pub const TREE_WATCH_QUEUE_EVENTS: usize = 100;

/// Bytes of a request's body at the door of etcd v2: a value as long as a request of v3 may be, if most of it need
/// not be percent-encoded.
pub const ETCD2_BODY_BYTES_MAX: usize = 2 * ETCD_REQUEST_BYTES_MAX;

/// Bytes of an answer that a client of etcd v2 takes, by default: a listing of some hundred thousand keys. A server
/// must not fill its clients' memory.
pub const ETCD2_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one directory's listing in an import from etcd v2. A store of v2 is held in memory, most of a few hundred
/// mebibytes; a larger directory than that is none.
pub const ETCD2_IMPORT_ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Writes under way at one time in an import to etcd v2. A durable store syncs those that come together at once; more
/// would only queue there.
pub const ETCD2_IMPORT_WRITES_MAX: usize = 32;

/// Bytes of a snapshot in one message over etcd's protocol. Clients take messages of 4 MiB and more; smaller ones let
/// other calls of the connection in between.
pub const SNAPSHOT_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How long a command is sent again to a Redis that says that it could not run it: the slot is being moved, another
/// server takes over. Beyond it the client knows better what to do.
pub const REDIS_UNSETTLED_MAX: Duration = Duration::from_secs(5);

/// Words of a command that writes over Redis. It runs in a function there, whose language hands on no more than 8,000.
pub const REDIS_CALL_WORDS_MAX: usize = 7_900;

/// Announcements of a Redis that wait to be told. One is a change, and a node tells hundreds of thousands a second; if
/// it lags further behind, it is told less by asking for the values anew.
pub const REDIS_ANNOUNCEMENTS_MAX: usize = 100_000;

/// Bytes of those announcements.
pub const REDIS_ANNOUNCEMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keys of a Redis whose expiry is awaited without their being monitored one by one, while somebody monitors a prefix.
/// Of those beyond it Redis' own events tell, if it is let.
pub const REDIS_AWAITED_EXPIRIES_MAX: usize = 1_000_000;

/// How long a monitor that begins waits for Redis to tell it of changes.
pub const REDIS_FOLLOW_MAX: Duration = Duration::from_secs(5);

/// The name of a service: as long as a host's name, which it often is.
pub const SERVICE_NAME_BYTES_MAX: usize = 255;

/// A custom event to services: its type, its body and the services' names together. Who listens may have thousands of
/// sockets, and each is sent it.
pub const SERVICE_EVENT_BYTES_MAX: usize = 1024 * 1024;

/// The same as it is kept, in JSON: what a real etcd takes in one request, less the rest of that request.
pub const SERVICE_EVENT_RECORD_BYTES_MAX: usize = ETCD_REQUEST_BYTES_MAX - 1024;

/// Services that one event is sent to by name, or that one socket monitors. Who means more of them means all.
pub const SERVICES_NAMED_MAX: usize = 1_000;

/// How long a connection to an etcd may take, with encryption and greeting, by default: some round trips on a long
/// line, and short enough that another member is tried while a request still waits.
pub const ETCD_CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long a request to an etcd may take, with all its attempts, by default: what etcd itself gives a request to find
/// a majority, and longer than it takes to elect a leader.
pub const ETCD_REQUEST_MAX: Duration = Duration::from_secs(5);

/// How long a renewal of a lease may take before its stream is given up for one to another member. It leaves room for
/// several within [`NODE_LEASE`].
pub const ETCD_RENEWAL_MAX: Duration = Duration::from_secs(1);

/// How long to wait before an etcd that failed is asked again; doubled each time, up to the second.
pub const ETCD_RETRY_MIN: Duration = Duration::from_millis(50);
/// See [`ETCD_RETRY_MIN`].
pub const ETCD_RETRY_MAX: Duration = Duration::from_secs(2);

/// How often a silent connection to an etcd with calls under way is pinged. An etcd takes pings more often than every
/// five seconds for an attack.
pub const ETCD_PING_EVERY: Duration = Duration::from_secs(6);

/// How long the answer to such a ping may take before the connection is given up.
pub const ETCD_PING_MAX: Duration = Duration::from_secs(4);

/// Bytes of one response of an etcd: as much as its own clients take.
pub const ETCD_RESPONSE_BYTES_MAX: usize = i32::MAX as usize;

/// Bytes of one stream that an etcd may send before they were read: a page of keys in one piece.
pub const ETCD_STREAM_WINDOW: u32 = 1024 * 1024;

/// Bytes of all streams of a connection that an etcd may send before they were read: several such pages, so that
/// watches and answers do not wait for each other.
pub const ETCD_CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// Bytes of events that were seen by a watch over an etcd and not read. Beyond it the watch is taken up again when its
/// reader has caught up: the etcd keeps the events for longer than we would.
pub const ETCD_WATCH_QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often an etcd is asked how far its watches are, while somebody waits for that: as often as it looks after those
/// that are behind.
pub const ETCD_PROGRESS_ASK_EVERY: Duration = Duration::from_millis(100);

/// How long an etcd whose notices of progress may overtake events must have sent none before a notice is believed:
/// twice as long as events that found no room wait for the next try.
pub const ETCD_PROGRESS_SETTLED: Duration = Duration::from_millis(250);

/// How long a server that starts waits for an external engine that is not there: machines that boot together differ by
/// less. Whoever supervises the server starts it anew after that.
pub const ENGINE_START_MAX: Duration = Duration::from_secs(60);

/// How long it waits between two tries.
pub const ENGINE_RETRY_EVERY: Duration = Duration::from_secs(1);

/// Bytes of one news of a service, over all who follow it, after which the next may come at once. Some hundred nodes that
/// all hear of each other are below it.
pub const SERVICE_NEWS_UNPACED_BYTES_MAX: usize = 1024 * 1024;

/// Bytes in a second that news of one service come to, over all who follow it, where they are longer than that: a part of
/// what a machine can send.
pub const SERVICE_NEWS_BYTES_PER_SECOND: usize = 128 * 1024 * 1024;

/// How long news of a service wait for those before at most. Who is told later than that might as well ask.
pub const SERVICE_NEWS_APART_MAX: Duration = Duration::from_secs(5);

/// Bytes of a request's body that holds an event: one of the largest, each byte percent-encoded, and its names.
pub const SERVICE_EVENT_BODY_BYTES_MAX: usize = 4 * SERVICE_EVENT_BYTES_MAX;

/// How long a socket that registers waits for the coordination engine before it is refused, and one that ends before
/// it is left to the background. Whoever registers tries
/// again, and by then may have been given another address.
pub const REGISTER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Bytes read at a time from a socket of the discovery door, which says nothing but that it is there.
pub const DISCOVERY_SOCKET_BUFFER_BYTES: usize = 256;

/// A message from such a socket. Nothing that it may say is longer; what is, ends it.
pub const DISCOVERY_FRAME_BYTES_MAX: usize = 4 * 1024;

/// How long a connection to a Redis may take that coordination is kept in, by default, and a request with all its attempts:
/// as to an etcd.
pub const REDIS_CONNECT_MAX: Duration = ETCD_CONNECT_MAX;
/// See [`REDIS_CONNECT_MAX`].
pub const REDIS_REQUEST_MAX: Duration = ETCD_REQUEST_MAX;

/// How long to wait before a Redis that failed is asked again; doubled each time, up to the second.
pub const REDIS_RETRY_MIN: Duration = ETCD_RETRY_MIN;
/// See [`REDIS_RETRY_MIN`].
pub const REDIS_RETRY_MAX: Duration = ETCD_RETRY_MAX;

/// How long one read of the log waits for something new. A connection on which nothing comes for twice as long is dead.
pub const REDIS_LOG_WAIT: Duration = Duration::from_secs(2);

/// Entries of the log read at a time. Most are some hundred bytes, none is larger than a request.
pub const REDIS_LOG_PAGE_ENTRIES: usize = 500;

/// How often each node looks for leases in a Redis that have run out: as often as an etcd does.
pub const REDIS_SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Leases ended in one call: each deletes its keys while nobody else is served.
pub const REDIS_SWEEP_LEASES_MAX: usize = 16;

/// The shortest life of a lease in a Redis: twice as long as it may take until somebody looks.
pub const REDIS_LEASE_TTL_MIN: Duration = Duration::from_secs(1);
