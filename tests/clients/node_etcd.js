// What the users of npm's node-etcd do, against the server at HOST PORT. Prints the name of each part that held.
'use strict';

const assert = require('node:assert');
const Etcd = require('node-etcd');

const [host, port] = process.argv.slice(2);
const etcd = new Etcd(`http://${host}:${port}`);

/** Calls a method, and gives its answer, or the error with the answer's body in it. */
const call = (method, ...given) => new Promise((resolve, reject) => {
  etcd[method](...given, (error, body, headers) => (error ? reject(error) : resolve({ body, headers })));
});

const refused = async (code, ...given) => {
  const error = await call(...given).then(() => null, error => error);
  assert.equal(error && error.errorCode, code, given.join(' '));
};

async function keys() {
  const { body, headers } = await call('set', 'key', 'one');
  assert.deepEqual([body.action, body.node.key, body.node.value], ['set', '/key', 'one']);
  assert.equal(headers['x-etcd-index'], String(body.node.modifiedIndex));
  assert.equal((await call('set', 'key', 'two', { ttl: 100 })).body.prevNode.value, 'one');
  assert.equal((await call('get', 'key')).body.node.ttl, 100);
  assert.equal((await call('del', 'key')).body.prevNode.value, 'two');
  await refused(100, 'get', 'key');
}

async function directories() {
  assert.equal((await call('mkdir', 'dir')).body.node.dir, true);
  await refused(102, 'mkdir', 'dir');
  for (const name of ['b', 'a']) await call('set', `dir/${name}`, name);
  const { nodes } = (await call('get', 'dir', { recursive: true, sorted: true })).body.node;
  assert.deepEqual(nodes.map(node => node.key), ['/dir/a', '/dir/b']);
  await refused(108, 'rmdir', 'dir');
  await call('rmdir', 'dir', { recursive: true });
}

async function inOrder() {
  const first = (await call('create', 'queue', 'first')).body.node;
  const second = (await call('post', 'queue', 'second')).body.node;
  assert(first.key < second.key);
  const { nodes } = (await call('get', 'queue', { sorted: true })).body.node;
  assert.deepEqual(nodes.map(node => node.value), ['first', 'second']);
}

async function comparisons() {
  await call('set', 'swap', 'one');
  assert.equal((await call('compareAndSwap', 'swap', 'two', 'one')).body.action, 'compareAndSwap');
  await refused(101, 'testAndSet', 'swap', 'three', 'one');
  await refused(101, 'compareAndDelete', 'swap', 'one');
  assert.equal((await call('testAndDelete', 'swap', 'two')).body.action, 'compareAndDelete');
}

async function watching() {
  const { modifiedIndex } = (await call('set', 'watched', 'one')).body.node;
  assert.equal((await call('watchIndex', 'watched', modifiedIndex)).body.node.value, 'one');
  const watched = call('watch', 'watched');
  setTimeout(() => etcd.set('watched', 'two'), 300);
  assert.equal((await watched).body.node.value, 'two');
}

async function keepWatching() {
  const { modifiedIndex } = (await call('set', 'followed', '0')).body.node;
  const seen = [];
  const watcher = etcd.watcher('followed', modifiedIndex);
  const enough = new Promise((resolve, reject) => {
    watcher.on('error', reject);
    watcher.on('change', event => seen.push(event.node.value) === 5 && resolve());
  });
  for (const value of ['1', '2', '3', '4']) await call('set', 'followed', value);
  await enough;
  watcher.stop();
  assert.deepEqual(seen, ['0', '1', '2', '3', '4']);
}

async function synchronous() {
  assert.equal(etcd.setSync('sync', 'one').body.node.value, 'one');
  assert.equal(etcd.getSync('sync').body.node.value, 'one');
  assert.equal(etcd.delSync('sync').body.action, 'delete');
  assert.equal(etcd.getSync('sync').err.errorCode, 100);
}

async function theServer() {
  // It asks for a key that etcd had once.
  await refused(100, 'machines');
  assert.equal((await call('selfStats')).body.state, 'StateLeader');
  assert((await call('leaderStats')).body.followers);
  assert((await call('version')).body);
}

async function main() {
  for (const part of [keys, directories, inOrder, comparisons, watching, keepWatching, synchronous, theServer]) {
    await part();
    console.log(part.name);
  }
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
