package lexsearch;

import java.io.IOException;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.PostingsEnum;
import org.apache.lucene.index.Term;
import org.apache.lucene.index.TermState;
import org.apache.lucene.index.TermStates;
import org.apache.lucene.index.TermsEnum;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.Scorable;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;
import org.apache.lucene.search.TermStatistics;
import org.apache.lucene.search.similarities.Similarity.SimScorer;
import org.apache.lucene.util.Bits;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.FixedBitSet;

/**
 * Adds up a column. Words that count as one go term after term through their postings, with no heap
 * over hundreds of them; all else goes through Lucene's own queries.
 */
final class Sums extends SimpleCollector {
  private static final long NO_NORM = 1; // as Lucene scores a field without lengths

  private final IndexSearcher searcher;
  private final FixedBitSet match;
  private final double[] sums; // null where scores are not asked for
  private final float[] often; // of the words that count as one, in a part of the index
  private boolean begun;

  // For Lucene's queries
  private boolean matching;
  private Scorable scorer;
  private int base;

  private Sums(IndexSearcher searcher, boolean scored) {
    this.searcher = searcher;
    int size = searcher.getIndexReader().maxDoc();
    match = new FixedBitSet(size);
    sums = scored ? new double[size] : null;
    often = scored ? new float[size] : null;
  }

  /** The column of a query, as it is written. */
  static Column of(IndexSearcher searcher, In query, boolean scored) throws IOException {
    Sums all = new Sums(searcher, scored);
    all.add(query, 1, true);
    return new Column(all.match, scored ? all.scores() : null);
  }

  private float[] scores() {
    float[] scores = new float[sums.length];
    long[] bits = match.getBits();
    for (int word = 0; word < bits.length; word++)
      for (long left = bits[word]; left != 0; left &= left - 1) {
        int doc = (word << 6) + Long.numberOfTrailingZeros(left);
        scores[doc] = (float) sums[doc];
      }
    return scores;
  }

  /** matching: whether the documents that a node finds match, or are only worth more where they do. */
  private void add(In in, float weight, boolean matching) throws IOException {
    int at = in.at();
    switch (in.tag()) {
      case 'W':
        float times = in.share();
        add(in, weight * times, matching);
        return;
      case 'S':
        synonyms(in, weight, matching);
        return;
      case 'B':
        int least = in.number(), must = in.number(), should = in.number();
        boolean plain = in.number() + in.number() == 0; // neither filter nor must_not
        if (plain && must == 0 && least <= 1) {
          for (; should > 0; should--) add(in, weight, matching);
          return;
        }
        if (plain && must == 1 && least == 0 && matching && !begun) {
          add(in, weight, true);
          for (; should > 0; should--) add(in, weight, false);
          return;
        }
    }
    in.back(at);
    lucene(Queries.read(in), weight, matching);
  }

  private void synonyms(In in, float weight, boolean matching) throws IOException {
    begun = true;
    String field = in.text();
    Term[] terms = new Term[in.number()];
    float[] shares = new float[terms.length];
    TermStates[] states = new TermStates[terms.length];
    int documents = 0;
    long times = 0;
    for (int i = 0; i < terms.length; i++) {
      shares[i] = in.share();
      terms[i] = new Term(field, in.raw());
      states[i] = TermStates.build(searcher, terms[i], true);
      documents = Math.max(documents, states[i].docFreq());
      times += states[i].totalTermFreq();
    }
    if (documents == 0) return;
    TermStatistics together = new TermStatistics(new BytesRef("together"), documents, times);
    SimScorer scorer = sums == null ? null
        : searcher.getSimilarity().scorer(weight, searcher.collectionStatistics(field), together);
    for (LeafReaderContext leaf : searcher.getIndexReader().leaves())
      if (leaf.reader().terms(field) != null) together(leaf, terms, shares, states, scorer, matching);
  }

  /** What the words of one part of the index are worth there, as one word. */
  private void together(
      LeafReaderContext leaf, Term[] terms, float[] shares, TermStates[] states, SimScorer scorer, boolean matching)
      throws IOException {
    LeafReader reader = leaf.reader();
    TermsEnum each = reader.terms(terms[0].field()).iterator();
    FixedBitSet found = new FixedBitSet(reader.maxDoc());
    PostingsEnum postings = null;
    for (int i = 0; i < terms.length; i++) {
      TermState state = states[i].get(leaf);
      if (state == null) continue;
      each.seekExact(terms[i].bytes(), state);
      postings = each.postings(postings, sums == null ? PostingsEnum.NONE : PostingsEnum.FREQS);
      for (int doc = postings.nextDoc(); doc != DocIdSetIterator.NO_MORE_DOCS; doc = postings.nextDoc()) {
        found.set(doc);
        if (sums != null) often[doc] += shares[i] * postings.freq();
      }
    }
    Bits live = reader.getLiveDocs();
    NumericDocValues norms = sums == null ? null : reader.getNormValues(terms[0].field());
    long[] bits = found.getBits();
    for (int word = 0; word < bits.length; word++)
      for (long left = bits[word]; left != 0; left &= left - 1) {
        int doc = (word << 6) + Long.numberOfTrailingZeros(left), whole = leaf.docBase + doc;
        if ((live == null || live.get(doc)) && (matching || match.get(whole))) {
          match.set(whole);
          if (sums != null) sums[whole] += scorer.score(often[doc], norm(norms, doc));
        }
        if (sums != null) often[doc] = 0;
      }
  }

  private static long norm(NumericDocValues norms, int doc) throws IOException {
    return norms != null && norms.advanceExact(doc) ? norms.longValue() : NO_NORM;
  }

  private void lucene(Query query, float weight, boolean matching) throws IOException {
    begun = true;
    this.matching = matching;
    searcher.search(sums == null ? query : new BoostQuery(query, weight), this);
    scorer = null; // it would hold on to much
  }

  // As Lucene offers documents

  @Override
  public ScoreMode scoreMode() {
    return sums == null ? ScoreMode.COMPLETE_NO_SCORES : ScoreMode.COMPLETE;
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
    int whole = base + doc;
    if (matching) match.set(whole);
    if (sums != null) sums[whole] += scorer.score();
  }
}
