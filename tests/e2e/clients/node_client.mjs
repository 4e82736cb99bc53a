// The scenarios of ../stomp.sh with a client library for Node.js.
//
//   node node_client.mjs LIBRARY SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN,
//   _PASSCODE, the libraries in STOMP_NODE_MODULES. Ends with 1 and one line where the server did
//   something else.
import fs from 'node:fs';
import { setTimeout as rest } from 'node:timers/promises';

const WAIT_MS = 20000;
const BODIES = ['plain', 'grüße ✓ 日本', Buffer.from(Array.from({ length: 256 }, (_, at) => at)), '', 'x'.repeat(300000)];
const NOTE = 'grüße:a\\b';
const [, , library, scenario, where, ...rest_of_arguments] = process.argv;
const { connect } = await import(`./node_${library}.mjs`);

function fail(why) { process.stderr.write(`${why}\n`); process.exit(1); }
function check(good, why) { if (!good) fail(why); }

// Bounded, and over when the connection is.
class Session {
  arrived = []; waiters = []; beats = 0; ended = null; ending = [];
  static async open(options = {}) {
    const session = new Session();
    session.client = await connect({ host: process.env.STOMP_HOST ?? '127.0.0.1', port: Number(process.env.STOMP_PORT),
      login: process.env.STOMP_LOGIN ?? 'guest', passcode: process.env.STOMP_PASSCODE ?? 'guest', ...options,
      onMessage(taken) { const next = session.waiters.shift(); if (next) next(taken); else session.arrived.push(taken); },
      onBeat() { ++session.beats; },
      onEnd(why) {
        if (session.leaving) return;
        session.ended ??= why; for (const one of session.ending.splice(0)) one(new Error(why));
      } });
    return session;
  }
  within(promise) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), WAIT_MS);
      this.ending.push(reject);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        this.ending.splice(this.ending.indexOf(reject), 1);
        how(value);
      };
      promise.then(settle(resolve), settle(reject));
    });
  }
  take() {
    return this.within(this.arrived.length > 0 ? Promise.resolve(this.arrived.shift())
      : new Promise((resolve) => this.waiters.push(resolve)));
  }
  async takeSome(count) {
    const taken = [];
    while (taken.length < Number(count)) taken.push(await this.take());
    return taken;
  }
  send(...a) { return this.within(this.client.send(...a)); }
  ack(...a) { return this.within(this.client.ack(...a)); }
  nack(...a) { return this.within(this.client.nack(...a)); }
  bye() { this.leaving = true; return this.within(this.client.bye()); }
}

const scenarios = {
  async send() {
    const session = await Session.open();
    for (const body of BODIES) await session.send(where, body, { note: NOTE });
    await session.bye();
  },
  async receive() {
    const session = await Session.open();
    session.client.subscribe(where, 'auto');
    for (const body of BODIES) {
      const taken = await session.take();
      check(taken.body.equals(Buffer.from(body)), `${body.slice(0, 40)} became ${taken.body.subarray(0, 40)}`);
      check(taken.headers.note === NOTE, `note: ${taken.headers.note}`);
    }
    await session.bye();
  },
  async fill(count) {
    const session = await Session.open();
    for (let number = 1; number <= Number(count); ++number) await session.send(where, `m${number}`);
    await session.bye();
  },
  async auto(count) {
    const session = await Session.open();
    session.client.subscribe(where, 'auto');
    await session.takeSome(count);
    await session.within(session.client.unsubscribe());
    await session.bye();
  },
  async cumulative(count) {
    const session = await Session.open();
    session.client.subscribe(where, 'client');
    await session.ack((await session.takeSome(count)).at(-1));
    await session.bye();
  },
  async individual(count) {
    const session = await Session.open();
    session.client.subscribe(where, 'client-individual');
    for (const [at, taken] of (await session.takeSome(count)).entries()) if (at % 2) await session.ack(taken);
    await session.bye();
  },
  async nack() {
    const session = await Session.open();
    session.client.subscribe(where, 'client-individual');
    const first = await session.take();
    await session.nack(first);
    const again = await session.take();
    check(again.body.equals(first.body), 'another came back');
    check(again.headers.redelivered === 'true', 'came back, and is not redelivered');
    await session.ack(again);
    await session.bye();
  },
  async reject() {
    const session = await Session.open();
    session.client.subscribe(where, 'client-individual');
    await session.nack(await session.take(), { requeue: 'false' });
    await session.bye();
  },
  async transaction(end, ...inside) {
    const session = await Session.open();
    session.client.begin('t1');
    for (const body of inside) session.client.post(where, body, { transaction: 't1' });
    session.client.end(end, 't1');
    await session.bye(); // DISCONNECT's receipt is for what was before it
  },
  async settled(end, count) {
    const session = await Session.open();
    session.client.subscribe(where, 'client-individual');
    const taken = await session.takeSome(count);
    session.client.begin('t2');
    for (const one of taken) await session.ack(one, { transaction: 't2' });
    session.client.post(where, 'in exchange', { transaction: 't2' });
    session.client.end(end, 't2');
    await session.bye();
  },
  async beats() {
    const session = await Session.open({ beats: 300 });
    const end = Date.now() + WAIT_MS;
    while (session.beats < 6 && !session.ended && Date.now() < end) await rest(10);
    check(!session.ended, 'lost while both send heart-beats');
    check(session.beats >= 6, `only ${session.beats} heart-beats came`);
    await session.send(where, 'still here');
    await session.bye();
  },
  async many(count) {
    count = Number(count);
    const session = await Session.open();
    for (let number = 0; number < count - 1; ++number) session.client.post(where, `n${number}`, {});
    await session.send(where, `n${count - 1}`);
    session.client.subscribe(where, 'client');
    for (let number = 0; number < count; ++number) {
      const taken = await session.take();
      check(taken.body.toString() === `n${number}`, `n${number} is ${taken.body}`);
      if ((number + 1) % 50 === 0 || number + 1 === count) await session.ack(taken);
    }
    await session.bye();
  },
  async confirm(told, enough) {
    for (let session = null, number = 0; !fs.existsSync(enough);) {
      try {
        session ??= await Session.open();
        await session.send(where, `c${number}`);
        fs.appendFileSync(told, `c${number}\n`);
        ++number;
      } catch {
        session = null;
        await rest(20);
      }
    }
  },
};
process.on('unhandledRejection', (error) => fail(error.message));
await scenarios[scenario](...rest_of_arguments);
process.exit(0);
