// What ioredis' users do, against the server at HOST PORT. Prints the name of each part that held.

"use strict";

const assert = require("node:assert/strict");
const Redis = require("ioredis");

const [host, port] = [process.argv[2], Number(process.argv[3])];
const connect = () => new Redis({ host, port, maxRetriesPerRequest: 1, connectTimeout: 10000 });

const parts = {
  async basicTypes(redis) {
    assert.equal(await redis.ping(), "PONG");
    assert.equal(await redis.set("name", "ann", "EX", 1000, "NX"), "OK");
    assert.equal(await redis.set("name", "bob", "NX"), null);
    assert.equal(await redis.incr("count"), 1);
    await redis.mset({ a: 1, b: 2 });
    assert.deepEqual(await redis.mget("a", "b", "c"), ["1", "2", null]);
    await redis.hset("hash", { f: 1, g: "two" });
    assert.deepEqual(await redis.hgetall("hash"), { f: "1", g: "two" });
    assert.equal(await redis.rpush("list", "a", "b"), 2);
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b"]);
    assert.deepEqual((await (await redis.sadd("set", "x", "y"), redis.smembers("set"))).sort(), ["x", "y"]);
    await redis.zadd("zset", 1, "one", 2.5, "two");
    assert.deepEqual(await redis.zrange("zset", 0, -1, "WITHSCORES"), ["one", "1", "two", "2.5"]);
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await redis.set("bytes", value);
    assert.deepEqual(await redis.getBuffer("bytes"), value);
    await assert.rejects(redis.lpush("set", "x"), /WRONGTYPE/);
  },

  async pipelines(redis) {
    const pipeline = redis.pipeline();
    for (let number = 0; number < 5000; number++) pipeline.set(`key:${number}`, number);
    const replies = await pipeline.exec();
    assert.ok(replies.length === 5000 && replies.every(([error, reply]) => error === null && reply === "OK"));
    const many = await Promise.all(Array.from({ length: 1000 }, (_, number) => redis.get(`key:${number}`)));
    assert.deepEqual(many.map(Number), Array.from({ length: 1000 }, (_, number) => number));
  },

  async transactions(redis) {
    assert.deepEqual(await redis.multi().set("a", 1).incr("a").get("a").exec(), [
      [null, "OK"],
      [null, 2],
      [null, "2"],
    ]);
    const other = connect();
    await redis.watch("a");
    await other.set("a", 5);
    assert.equal(await redis.multi().set("a", 6).exec(), null);
    await assert.rejects(redis.multi().set("a").exec(), /EXECABORT/);
    await other.quit();
  },

  async publishAndSubscribe(redis) {
    const subscriber = connect();
    const messages = [];
    const both = new Promise((resolve) => {
      const keep = (...message) => messages.push(message.join(" ")) === 2 && resolve();
      subscriber.on("message", keep);
      subscriber.on("pmessage", keep);
    });
    assert.equal(await subscriber.subscribe("news"), 1);
    assert.equal(await subscriber.psubscribe("n*"), 2);
    assert.equal(await redis.publish("news", "hello"), 2);
    await both;
    assert.deepEqual(messages.sort(), ["n* news hello", "news hello"]);
    assert.equal(await subscriber.unsubscribe("news"), 1);
    assert.equal(await subscriber.punsubscribe("n*"), 0);
    assert.equal(await subscriber.ping(), "PONG");
    await subscriber.quit();
  },

  async blocking(redis) {
    const waiting = connect();
    const popped = waiting.blpop("nothing", "queue", 10);
    setTimeout(() => redis.rpush("queue", "job"), 100);
    assert.deepEqual(await popped, ["queue", "job"]);
    assert.equal(await waiting.blpop("queue", 0.1), null);
    await waiting.quit();
  },

  async streams(redis) {
    assert.equal(await redis.xadd("log", "1-1", "level", "info"), "1-1");
    assert.deepEqual(await redis.xread("STREAMS", "log", "0"), [["log", [["1-1", ["level", "info"]]]]]);
  },

  async scans(redis) {
    await redis.mset(Object.fromEntries(Array.from({ length: 1000 }, (_, number) => [`user:${number}`, number])));
    const met = new Set();
    for await (const keys of redis.scanStream({ match: "user:*", count: 50 })) keys.forEach((key) => met.add(key));
    assert.equal(met.size, 1000);
  },

  async monitors(redis) {
    const base = connect();
    const monitor = await base.monitor();
    const seen = new Promise((resolve) => {
      monitor.on("monitor", (_time, args) => args[0].toLowerCase() === "set" && resolve(args));
    });
    await redis.set("watched", "1");
    assert.deepEqual((await seen).slice(1), ["watched", "1"]);
    monitor.disconnect();
    base.disconnect();
  },
};

(async () => {
  for (const [name, part] of Object.entries(parts)) {
    const redis = connect();
    await redis.flushall();
    await part(redis);
    await redis.quit();
    console.log(name);
  }
})().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
