package lexsearch;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.lucene.util.BytesRef;

/** Writes what Python gets, as In reads it. */
final class Out {
  private byte[] bytes = new byte[1024];
  private int size;

  private void room(int more) {
    if (size + more > bytes.length) bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, size + more));
  }

  Out number(int value) {
    room(4);
    bytes[size++] = (byte) (value >>> 24);
    bytes[size++] = (byte) (value >>> 16);
    bytes[size++] = (byte) (value >>> 8);
    bytes[size++] = (byte) value;
    return this;
  }

  Out raw(BytesRef value) {
    room(value.length);
    System.arraycopy(value.bytes, value.offset, bytes, size, value.length);
    size += value.length;
    return this;
  }

  Out text(String value) {
    byte[] coded = value.getBytes(StandardCharsets.UTF_8);
    return number(coded.length).raw(new BytesRef(coded));
  }

  byte[] bytes() {
    return Arrays.copyOf(bytes, size);
  }
}
