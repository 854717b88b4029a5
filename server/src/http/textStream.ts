/** A body that is read as fast as it is taken, and no piece of it before it is asked for. */
export function textStream(texts: AsyncGenerator<string>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await texts.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: () => void texts.return(undefined),
    },
    { highWaterMark: 0 },
  );
}
