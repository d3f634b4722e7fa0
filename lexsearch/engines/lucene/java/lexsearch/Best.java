package lexsearch;

import java.io.IOException;
import java.util.Arrays;
import java.util.PriorityQueue;
import org.apache.lucene.index.BinaryDocValues;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.search.Scorable;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;
import org.apache.lucene.util.BytesRef;

/**
 * The k best of the documents that are offered, by score and then by id, and how many there were.
 * Ids are looked up at the end, for those alone that may be among the best.
 */
final class Best extends SimpleCollector {
  private static final int LEAST_ROOM = 1024;

  int total;
  private final int k;
  private long[] kept; // score and document of each; the bits of floats from 0 on are in order
  private int size;
  private float least; // a score below this is of no use

  private Scorable scorer;
  private int base;

  Best(int k) {
    this.k = k;
    kept = new long[k == 0 ? 0 : Math.max(LEAST_ROOM, 2 * k)];
  }

  void offer(int doc, float score) {
    total++;
    if (k == 0 || score < least) return;
    if (size == kept.length) prune();
    if (score >= least) kept[size++] = (long) Float.floatToIntBits(score) << 32 | doc;
  }

  private static float score(long one) {
    return Float.intBitsToFloat((int) (one >>> 32));
  }

  /** Keep those that are no worse than the k-th. */
  private void prune() {
    if (size <= k) return;
    Arrays.sort(kept, 0, size);
    least = score(kept[size - k]);
    int from = size - k;
    while (from > 0 && score(kept[from - 1]) == least) from--;
    System.arraycopy(kept, from, kept, 0, size - from);
    size -= from;
    if (2 * size > kept.length) kept = Arrays.copyOf(kept, 2 * kept.length);
  }

  /** The best, best first: total, how many, scores, lengths of ids, ids. */
  byte[] pack(IndexReader reader) throws IOException {
    prune();
    Hit[] hits = hits(reader);
    Out out = new Out().number(total).number(hits.length);
    for (Hit hit : hits) out.number(Float.floatToIntBits(hit.score));
    for (Hit hit : hits) out.number(hit.id.length);
    for (Hit hit : hits) out.raw(hit.id);
    return out.bytes();
  }

  private Hit[] hits(IndexReader reader) throws IOException {
    int worse = 0; // as good as the k-th: not all of them may have room
    if (size > k) while (worse < size && score(kept[worse]) == least) worse++;
    long[] better = Arrays.copyOfRange(kept, worse, size);
    Hit[] hits = new Hit[Math.min(k, size)];
    int found = 0;
    Ids ids = new Ids(reader);
    for (long one : inOrderOfDocuments(better)) hits[found++] = new Hit(score(one), BytesRef.deepCopyOf(ids.of((int) one)));
    PriorityQueue<BytesRef> last = new PriorityQueue<>(11, (one, other) -> other.compareTo(one));
    ids = new Ids(reader);
    for (int i = 0; i < worse; i++) { // in order of documents already
      BytesRef id = ids.of((int) kept[i]);
      if (last.size() == hits.length - found) {
        if (id.compareTo(last.peek()) > 0) continue;
        last.poll();
      }
      last.add(BytesRef.deepCopyOf(id));
    }
    for (BytesRef id : last) hits[found++] = new Hit(least, id);
    return inOrder(hits);
  }

  private static long[] inOrderOfDocuments(long[] rows) {
    long[] turned = new long[rows.length];
    for (int i = 0; i < rows.length; i++) turned[i] = Long.rotateLeft(rows[i], 32);
    Arrays.sort(turned);
    for (int i = 0; i < rows.length; i++) turned[i] = Long.rotateLeft(turned[i], 32);
    return turned;
  }

  /** By score, and those of one score by id: comparing numbers is quicker than comparing objects. */
  private static Hit[] inOrder(Hit[] hits) {
    long[] order = new long[hits.length];
    for (int i = 0; i < order.length; i++) order[i] = (long) ~Float.floatToIntBits(hits[i].score) << 32 | i;
    Arrays.sort(order);
    Hit[] sorted = new Hit[hits.length];
    for (int i = 0; i < order.length; i++) sorted[i] = hits[(int) order[i]];
    for (int from = 0, to; from < sorted.length; from = to) {
      for (to = from + 1; to < sorted.length && sorted[to].score == sorted[from].score; ) to++;
      if (to > from + 1) Arrays.sort(sorted, from, to);
    }
    return sorted;
  }

  private static final class Hit implements Comparable<Hit> {
    final float score;
    final BytesRef id;

    Hit(float score, BytesRef id) {
      this.score = score;
      this.id = id;
    }

    @Override
    public int compareTo(Hit other) {
      return id.compareTo(other.id);
    }
  }

  /** Ids of documents that are asked for in ascending order. */
  private static final class Ids {
    private final IndexReader reader;
    private int leaf = -1, beyond;
    private BinaryDocValues values;

    Ids(IndexReader reader) {
      this.reader = reader;
    }

    BytesRef of(int doc) throws IOException {
      LeafReaderContext context = null;
      while (doc >= beyond) {
        context = reader.leaves().get(++leaf);
        beyond = context.docBase + context.reader().maxDoc();
      }
      if (context != null) values = context.reader().getBinaryDocValues(State.ID);
      values.advanceExact(doc - reader.leaves().get(leaf).docBase);
      return values.binaryValue();
    }
  }

  // As Lucene offers documents

  @Override
  public ScoreMode scoreMode() {
    return k == 0 ? ScoreMode.COMPLETE_NO_SCORES : ScoreMode.COMPLETE;
  }

  @Override
  protected void doSetNextReader(LeafReaderContext context) {
    base = context.docBase;
  }

  @Override
  public void setScorer(Scorable scorer) {
    this.scorer = scorer;
  }

  @Override
  public void collect(int doc) throws IOException {
    offer(base + doc, k == 0 ? 0 : scorer.score());
  }
}
