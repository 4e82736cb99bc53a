// stompit, unmodified. It streams: a body has no content-length unless one is given, and every frame
// ends with NUL and LF.
import { createRequire } from 'node:module';
const require = createRequire(process.env.STOMP_NODE_MODULES + '/here.js');
const stompit = require('stompit');

export async function connect({ host, port, login, passcode, beats, onMessage, onEnd, onBeat }) {
  const client = await new Promise((resolve, reject) => {
    stompit.connect({ host, port, connectHeaders: { host: '/', login, passcode,
      ...(beats ? { 'heart-beat': `${beats},${beats}` } : {}) } },
    (error, made) => { if (error) reject(error); else resolve(made); });
  });
  client.on('error', (error) => onEnd(error.message));
  client.getTransportSocket().on('close', () => onEnd('closed'));
  // It tells nobody of heart-beats: they are what comes beside frames.
  client.getTransportSocket().on('data', (bytes) => { if (bytes.toString() === '\n') onBeat(); });
  const confirmed = (act) => new Promise((resolve) => act({ onReceipt: resolve }));
  const publish = (destination, body, headers, options) => {
    // Without a length a NUL would end the body.
    const length = Buffer.isBuffer(body) ? { 'content-length': body.length } : {};
    const frame = client.send({ destination, ...length, ...headers }, options);
    for (let at = 0; at < body.length; at += 1000) frame.write(body.slice(at, at + 1000));
    frame.end();
  };
  let subscription;
  return {
    post: publish,
    send: (where, body, headers = {}) => confirmed((options) => publish(where, body, headers, options)),
    subscribe(destination, ack) {
      subscription = client.subscribe({ destination, ack, id: 's1' }, (error, message) => {
        if (error) return onEnd(error.message);
        const parts = [];
        message.on('data', (part) => parts.push(part));
        message.on('end', () => onMessage({ headers: message.headers, body: Buffer.concat(parts), message }));
      });
    },
    async unsubscribe() { subscription.unsubscribe(); },
    ack: (taken, headers = {}) => confirmed((options) => client.ack(taken.message, headers, options)),
    nack: (taken, headers = {}) => confirmed((options) => client.nack(taken.message, headers, options)),
    begin(transaction) { client.begin({ transaction }); },
    end(how, transaction) { client.sendFrame(how.toUpperCase(), { transaction }).end(); },
    bye: () => new Promise((resolve, reject) => client.disconnect((error) => error ? reject(error) : resolve())),
  };
}
