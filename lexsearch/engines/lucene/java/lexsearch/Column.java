package lexsearch;

import org.apache.lucene.util.FixedBitSet;

/** What one query is worth in every document of an index. */
final class Column {
  /** Which documents match. */
  final FixedBitSet match;

  /** Each document's score, 0 where it does not match; null where scores are not asked for. */
  final float[] scores;

  Column(FixedBitSet match, float[] scores) {
    this.match = match;
    this.scores = scores;
  }

  /** In bytes. */
  long size() {
    return match.length() / 8 + (scores == null ? 0 : 4L * scores.length);
  }
}
