// @stomp/stompjs, unmodified, over a plain TCP socket in place of a WebSocket.
import net from 'node:net';
import { createRequire } from 'node:module';
const require = createRequire(process.env.STOMP_NODE_MODULES + '/here.js');
const { Client } = require('@stomp/stompjs');

class TcpSocket {
  binaryType = 'arraybuffer';
  readyState = 0;
  constructor(host, port) {
    this.url = `tcp://${host}:${port}`;
    this.socket = net.connect(port, host);
    this.socket.on('connect', () => { this.readyState = 1; this.onopen?.(); });
    this.socket.on('data', (bytes) => this.onmessage?.({
      data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) }));
    this.socket.on('error', (error) => this.onerror?.(error));
    this.socket.on('close', () => { this.readyState = 3; this.onclose?.({ code: 1000 }); });
  }
  send(bytes) { this.socket.write(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes); }
  close() { this.readyState = 2; this.socket.end(); }
  terminate() { this.socket.destroy(); }
}

export async function connect({ host, port, login, passcode, beats, onMessage, onEnd, onBeat }) {
  const client = new Client({
    webSocketFactory: () => new TcpSocket(host, port),
    connectHeaders: { login, passcode, host: '/' },
    reconnectDelay: 0,
    ...(beats ? { heartbeatIncoming: beats, heartbeatOutgoing: beats } : {}),
    onHeartbeatReceived: onBeat,
  });
  await new Promise((resolve, reject) => {
    client.onConnect = resolve;
    client.onStompError = (frame) => { onEnd(frame.headers.message); reject(new Error(frame.headers.message)); };
    client.onWebSocketClose = () => { onEnd('closed'); reject(new Error('closed')); };
    client.activate();
  });
  let number = 0;
  const confirmed = (act) => new Promise((resolve) => {
    const receipt = `r-${++number}`;
    client.watchForReceipt(receipt, resolve);
    act({ receipt });
  });
  const transactions = new Map();
  const publish = (destination, body, headers) => client.publish({ destination, headers,
    ...(Buffer.isBuffer(body) ? { binaryBody: new Uint8Array(body) } : { body }) });
  return {
    post: publish,
    send: (where, body, headers = {}) => confirmed((more) => publish(where, body, { ...headers, ...more })),
    subscribe: (destination, ack) => client.subscribe(destination, (message) => onMessage({
      headers: message.headers, body: Buffer.from(message.binaryBody), message }), { ack, id: 's1' }),
    unsubscribe: () => confirmed((more) => client.unsubscribe('s1', more)),
    ack: (taken, headers = {}) => confirmed((more) => taken.message.ack({ ...headers, ...more })),
    nack: (taken, headers = {}) => confirmed((more) => taken.message.nack({ ...headers, ...more })),
    begin(transaction) { transactions.set(transaction, client.begin(transaction)); },
    // commit() and abort() take no headers: what follows is confirmed, and it was before.
    end(how, transaction) { transactions.get(transaction)[how](); },
    bye: () => client.deactivate(),
  };
}
