// What the users of npm's etcd3 do, against the server at HOST PORT. Prints the name of each part that held.
'use strict';

const assert = require('node:assert');
const { Etcd3 } = require('etcd3');

const [host, port] = process.argv.slice(2);
const connect = () => new Etcd3({ hosts: `http://${host}:${port}` });

async function keys(c) {
  assert.equal(await c.get('missing'), null);
  await c.put('key').value('one');
  assert.equal(await c.get('key').string(), 'one');
  assert.equal(await c.get('missing').number(), null);
  await c.put('count').value(41);
  assert.equal(await c.get('count').number(), 41);
  const before = await c.put('key').value('two').getPrevious();
  assert.equal(before.value.toString(), 'one');
  assert.equal((await c.delete().key('key').getPrevious())[0].value.toString(), 'two');
  assert.equal((await c.delete().key('key')).deleted, '0');
}

async function ranges(c) {
  const space = c.namespace('space/');
  for (let number = 0; number < 5; number++) await space.put(`k${number}`).value(String(4 - number));
  assert.deepEqual(await space.getAll().keys(), ['k0', 'k1', 'k2', 'k3', 'k4']);
  assert.deepEqual(await space.getAll().sort('Value', 'Ascend').limit(2).strings(), { k4: '0', k3: '1' });
  assert.equal(await c.getAll().prefix('space/').count(), 5);
  assert.equal((await space.delete().all()).deleted, '5');
}

async function transactions(c) {
  await c.put('a').value('1');
  const done = await c.if('a', 'Value', '==', '1').then(c.put('a').value('2'), c.get('a')).else(c.get('a')).commit();
  assert.equal(done.succeeded, true);
  assert.equal(done.responses[1].response_range.kvs[0].value.toString(), '2');
  const not = await c.if('a', 'Version', '<', 1).then(c.put('a').value('3')).else(c.get('a')).commit();
  assert.equal(not.succeeded, false);
  const sum = await c.stm({ isolation: 0 }).transact(async tx => {
    const value = Number(await tx.get('a').string());
    await tx.put('a').value(String(value + 40));
    return value + 40;
  });
  assert.equal(sum, 42);
}

async function leases(c) {
  const lease = c.lease(1000, { autoKeepAlive: false });
  await lease.put('leased').value('x');
  await lease.keepaliveOnce();
  assert.equal(await c.get('leased').string(), 'x');
  await lease.revoke();
  assert.equal(await c.get('leased'), null);
  await assert.rejects(async () => c.put('leased').value('x').lease('4711'), /lease not found/);
}

async function locks(c) {
  const held = await c.lock('turn').ttl(60).acquire();
  await assert.rejects(c.lock('turn').ttl(60).acquire());
  await held.release();
  let inside = 0;
  await c.lock('turn').do(async () => { inside += 1; });
  assert.equal(inside, 1);
}

async function elections(c) {
  const election = c.election('chair', 60);
  const campaign = election.campaign('ann');
  await new Promise((resolve, reject) => campaign.on('elected', resolve).on('error', reject));
  assert.equal(await election.leader(), 'ann');
  await campaign.proclaim('bob');
  assert.equal(await election.leader(), 'bob');
  await campaign.resign();
  assert.equal(await election.leader(), undefined);
}

async function watches(c) {
  const watcher = await c.watch().prefix('watched/').create();
  const seen = [];
  const all = new Promise(resolve => {
    watcher.on('put', kv => seen.push(`put ${kv.value}`));
    watcher.on('delete', kv => { seen.push(`delete ${kv.key}`); resolve(); });
  });
  await c.put('watched/a').value('1');
  await c.put('watched/a').value('2');
  await c.delete().key('watched/a');
  await all;
  assert.deepEqual(seen, ['put 1', 'put 2', 'delete watched/a']);
  await watcher.cancel();
}

async function maintenance(c) {
  const { members } = await c.cluster.memberList({});
  assert.equal(members.length, 1);
  const status = await c.maintenance.status({});
  assert.ok(status.version);
  assert.deepEqual((await c.maintenance.alarm({ action: 'Get', memberID: '0', alarm: 'None' })).alarms, []);
}

(async () => {
  for (const part of [keys, ranges, transactions, leases, locks, elections, watches, maintenance]) {
    const client = connect();
    await client.delete().all();
    await part(client);
    client.close();
    console.log(part.name);
  }
  // Timers of leases that are gone keep the process for a while.
  process.exit(0);
})().catch(error => { console.error(error); process.exit(1); });
