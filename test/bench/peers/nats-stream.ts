import { connect } from 'node:net';

const ANSWER_MS = 10_000;

/** Makes a stream in files with one request of the JetStream API, in the text protocol. */
export function createStream(port: number, { stream, subject }: { stream: string; subject: string }): Promise<void> {
  const config = { name: stream, subjects: [subject], storage: 'file', retention: 'limits', num_replicas: 1 };
  const body = JSON.stringify(config);
  const socket = connect({ port, host: '127.0.0.1' });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error('JetStream did not answer')), ANSWER_MS);
    const end = (error?: Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    let text = '';
    socket.on('data', chunk => {
      text += String(chunk);
      if (!text.includes('stream_create_response')) return;
      end(text.includes('"error"') ? new Error(`JetStream refuses the stream: ${text}`) : undefined);
    });
    socket.on('error', end);
    socket.write(
      `CONNECT {"verbose":false,"pedantic":false}\r\nSUB _INBOX.stream 1\r\nPUB $JS.API.STREAM.CREATE.${stream} _INBOX.stream ${body.length}\r\n${body}\r\n`,
    );
  });
}
