import type pg from 'pg';

/**
 * `COPY` through the driver's own connection, which knows its messages: the bare limit of what goes into PostgreSQL and
 * what comes out of it. The driver has no types for it.
 */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  readonly stream: NodeJS.WritableStream & { readonly writableNeedDrain: boolean };
}

interface Copy {
  submit(connection: CopyConnection): void;
  handleCopyInResponse(connection: CopyConnection): void;
  handleCopyData(message: { chunk: Buffer }): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
  handleError(error: Error): void;
}

/** Rows in PostgreSQL's text format, each with its line end; `chunks` is asked for more whenever the socket has room. */
export function copyIn(client: pg.Client, statement: string, chunks: Iterator<Buffer>): Promise<void> {
  return submit(client, statement, {
    onIn(connection) {
      const pump = () => {
        for (;;) {
          const { value, done } = chunks.next();
          if (done) return connection.endCopyFrom();
          connection.sendCopyFromChunk(value);
          if (connection.stream.writableNeedDrain) return void connection.stream.once('drain', pump);
        }
      };
      pump();
    },
  });
}

/** `onRow` gets each row as text, with its line end. */
export function copyOut(client: pg.Client, statement: string, onRow: (row: Buffer) => void): Promise<void> {
  return submit(client, statement, { onRow });
}

function submit(
  client: pg.Client,
  statement: string,
  on: { onIn?: (connection: CopyConnection) => void; onRow?: (row: Buffer) => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const copy: Copy = {
      submit: connection => connection.query(statement),
      handleCopyInResponse: connection => on.onIn?.(connection),
      handleCopyData: ({ chunk }) => on.onRow?.(chunk),
      handleCommandComplete: () => undefined,
      handleReadyForQuery: resolve,
      handleError: reject,
    };
    client.query(copy as unknown as pg.Submittable);
  });
}
