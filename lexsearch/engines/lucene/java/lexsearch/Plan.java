package lexsearch;

import java.util.Arrays;

/**
 * How a tree is worked out from columns, a window of documents at a time, so that all that is
 * added up stays near the processor. One plan serves one search.
 */
abstract class Plan {
  static final int WINDOW = 4096, WORDS = WINDOW / 64;

  /** Which documents of the window match. */
  final long[] match = new long[WORDS];

  /** Their scores, 0 where none matches; null where scores are not asked for. */
  final float[] scores;

  Plan(boolean scored) {
    scores = scored ? new float[WINDOW] : null;
  }

  /** Fill both for the documents from here on. */
  abstract void run(int from);

  /** A query's column as it is. */
  static final class Leaf extends Plan {
    private final Column column;

    Leaf(Column column, boolean scored) {
      super(scored);
      this.column = column;
    }

    @Override
    void run(int from) {
      long[] bits = column.match.getBits();
      int words = Math.min(WORDS, bits.length - from / 64);
      System.arraycopy(bits, from / 64, match, 0, words);
      Arrays.fill(match, words, WORDS, 0);
      if (scores == null) return;
      int size = Math.min(WINDOW, column.scores.length - from);
      System.arraycopy(column.scores, from, scores, 0, size);
      Arrays.fill(scores, size, WINDOW, 0);
    }
  }

  /** slope * score, or its square root, + intercept. */
  static final class Line extends Plan {
    private final Plan inner;
    private final boolean root;
    private final float slope, intercept;

    Line(Plan inner, boolean root, float slope, float intercept) {
      super(true);
      this.inner = inner;
      this.root = root;
      this.slope = slope;
      this.intercept = intercept;
    }

    @Override
    void run(int from) {
      inner.run(from);
      System.arraycopy(inner.match, 0, match, 0, WORDS);
      if (inner.scores == null) Arrays.fill(scores, 0);
      else if (root) for (int i = 0; i < WINDOW; i++) scores[i] = slope * (float) Math.sqrt(inner.scores[i]);
      else for (int i = 0; i < WINDOW; i++) scores[i] = slope * inner.scores[i];
      if (intercept == 0) return;
      for (int word = 0; word < WORDS; word++)
        for (long left = match[word]; left != 0; left &= left - 1)
          scores[(word << 6) + Long.numberOfTrailingZeros(left)] += intercept;
    }
  }

  /** A Bool of lexsearch/engines/nodes.py. */
  static final class Bool extends Plan {
    private final Plan[] must, should, filter, mustNot;
    private final int least, clauses;
    private final double[] sums;
    private final int[] having;

    Bool(Plan[][] groups, int least, boolean scored) {
      super(scored);
      must = groups[0];
      should = groups[1];
      filter = groups[2];
      mustNot = groups[3];
      boolean needed = must.length + filter.length > 0;
      clauses = must.length + (should.length == 0 ? 0 : Math.max(1, least)) + filter.length + mustNot.length;
      this.least = least > 0 || needed ? least : 1;
      sums = scored ? new double[WINDOW] : null;
      having = this.least > 1 ? new int[WINDOW] : null;
    }

    @Override
    void run(int from) {
      if (scores != null) Arrays.fill(sums, 0);
      optional(from);
      for (Plan one : must) {
        one.run(from);
        add(one);
        for (int i = 0; i < WORDS; i++) match[i] &= one.match[i];
      }
      for (Plan one : filter) {
        one.run(from);
        for (int i = 0; i < WORDS; i++) match[i] &= one.match[i];
      }
      for (Plan one : mustNot) {
        one.run(from);
        for (int i = 0; i < WORDS; i++) match[i] &= ~one.match[i];
      }
      if (scores == null) return;
      for (int i = 0; i < WINDOW; i++) scores[i] = (float) sums[i];
      if (clauses > 1) clear();
    }

    /** The scores of `should`, and as matches the documents that have enough of them. */
    private void optional(int from) {
      Arrays.fill(match, least == 0 ? -1L : 0L);
      if (having != null) Arrays.fill(having, 0);
      for (Plan one : should) {
        one.run(from);
        add(one);
        if (least == 1) for (int i = 0; i < WORDS; i++) match[i] |= one.match[i];
        if (having == null) continue;
        for (int word = 0; word < WORDS; word++)
          for (long left = one.match[word]; left != 0; left &= left - 1) {
            int place = (word << 6) + Long.numberOfTrailingZeros(left);
            if (++having[place] == least) match[word] |= left & -left;
          }
      }
    }

    private void add(Plan one) {
      if (scores == null || one.scores == null) return;
      for (int i = 0; i < WINDOW; i++) sums[i] += one.scores[i];
    }

    /** No score where there is no match, which may be where there are clauses of several kinds. */
    private void clear() {
      for (int word = 0; word < WORDS; word++)
        if (match[word] == 0) Arrays.fill(scores, word << 6, (word + 1) << 6, 0);
        else
          for (long left = ~match[word]; left != 0; left &= left - 1)
            scores[(word << 6) + Long.numberOfTrailingZeros(left)] = 0;
    }
  }
}
