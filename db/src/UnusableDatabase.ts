/** The database can't be used until a person changes something; the message is the one sentence that says what. */
export class UnusableDatabase extends Error {
  override readonly name = 'UnusableDatabase';
}
