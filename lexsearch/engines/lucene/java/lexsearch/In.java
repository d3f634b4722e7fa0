package lexsearch;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.lucene.util.BytesRef;

/** Reads what Python sends: numbers big endian, texts as their length and UTF-8. */
final class In {
  private final byte[] bytes;
  private final ByteBuffer from;

  In(byte[] bytes) {
    this.bytes = bytes;
    from = ByteBuffer.wrap(bytes);
  }

  char tag() {
    return (char) from.get();
  }

  int number() {
    return from.getInt();
  }

  float share() {
    return from.getFloat();
  }

  boolean more() {
    return from.hasRemaining();
  }

  int at() {
    return from.position();
  }

  /** Read again from a place on. */
  void back(int at) {
    from.position(at);
  }

  /** A text, or any bytes; they are not copied. */
  BytesRef raw() {
    int length = from.getInt(), at = from.position();
    from.position(at + length);
    return new BytesRef(bytes, at, length);
  }

  String text() {
    BytesRef raw = raw();
    return new String(raw.bytes, raw.offset, raw.length, StandardCharsets.UTF_8);
  }
}
