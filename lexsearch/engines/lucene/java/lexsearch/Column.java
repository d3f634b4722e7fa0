package lexsearch;

import java.io.IOException;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.Scorable;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;
import org.apache.lucene.util.FixedBitSet;

/** What one query is worth in every document of an index. */
final class Column extends SimpleCollector {
  /** Which documents match. */
  final FixedBitSet match;

  /** Each document's score, 0 where it does not match; null where scores are not asked for. */
  final float[] scores;

  private Scorable scorer;
  private int base;

  private Column(int size, boolean scored) {
    match = new FixedBitSet(size);
    scores = scored ? new float[size] : null;
  }

  static Column of(IndexSearcher searcher, Query query, boolean scored) throws IOException {
    Column column = new Column(searcher.getIndexReader().maxDoc(), scored);
    searcher.search(query, column);
    column.scorer = null; // it would hold on to much
    return column;
  }

  /** In bytes. */
  long size() {
    return match.length() / 8 + (scores == null ? 0 : 4L * scores.length);
  }

  @Override
  public ScoreMode scoreMode() {
    return scores == null ? ScoreMode.COMPLETE_NO_SCORES : ScoreMode.COMPLETE;
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
    match.set(base + doc);
    if (scores != null) scores[base + doc] = scorer.score();
  }
}
