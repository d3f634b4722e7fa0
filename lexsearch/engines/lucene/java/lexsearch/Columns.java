package lexsearch;

import java.io.IOException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.util.BytesRef;

/**
 * The columns of one state of an index that were used last, up to a bound: the words of a search
 * come again in its rounds, its suggestions and in other searches.
 */
final class Columns {
  private static final long MOST = 64L << 20; // bytes

  private final LinkedHashMap<Key, Column> known = new LinkedHashMap<>(64, 0.75f, true);
  private long size;

  /** The column of a query, as it is written, under BM25's k1 and b. */
  Column of(IndexSearcher searcher, float k1, float b, BytesRef query, boolean scored) throws IOException {
    Key key = new Key(query, scored, k1, b);
    synchronized (known) {
      Column column = known.get(key);
      if (column != null) return column;
    }
    BytesRef copy = BytesRef.deepCopyOf(query); // not all that came with it
    Column column = Sums.of(searcher, new In(copy.bytes), scored);
    synchronized (known) {
      if (known.put(new Key(copy, scored, k1, b), column) == null) size += key.size() + column.size();
      Iterator<Map.Entry<Key, Column>> eldest = known.entrySet().iterator();
      while (size > MOST && known.size() > 1) {
        Map.Entry<Key, Column> one = eldest.next();
        size -= one.getKey().size() + one.getValue().size();
        eldest.remove();
      }
    }
    return column;
  }

  private static final class Key {
    private final BytesRef query;
    private final boolean scored;
    private final float k1, b;
    private final int hash;

    Key(BytesRef query, boolean scored, float k1, float b) {
      this.query = query;
      this.scored = scored;
      this.k1 = k1;
      this.b = b;
      hash = query.hashCode();
    }

    long size() {
      return query.length;
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      if (!(other instanceof Key)) return false;
      Key key = (Key) other;
      return hash == key.hash && scored == key.scored && k1 == key.k1 && b == key.b && query.bytesEquals(key.query);
    }
  }
}
