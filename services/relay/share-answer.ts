/** Asking often costs nothing: whoever asks within the same moment gets the same answer, or the same failure. */
export function shareAnswer<Answer>(read: () => Promise<Answer>, validMs: number): () => Promise<Answer> {
  let answer: Promise<Answer> | undefined;
  return () => {
    if (!answer) {
      answer = read();
      const forget = () => {
        answer = undefined;
      };
      const forgetSoon = () => void setTimeout(forget, validMs).unref();
      answer.then(forgetSoon, forgetSoon);
    }
    return answer;
  };
}
