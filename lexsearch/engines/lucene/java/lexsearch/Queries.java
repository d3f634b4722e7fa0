package lexsearch;

import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.ConstantScoreQuery;
import org.apache.lucene.search.MatchAllDocsQuery;
import org.apache.lucene.search.MultiPhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.SynonymQuery;
import org.apache.lucene.search.TermQuery;

/** Lucene's queries for the nodes of a tree (lexsearch/engines/nodes.py), all but roots. */
final class Queries {
  private static final Occur[] CLAUSES = {Occur.MUST, Occur.SHOULD, Occur.FILTER, Occur.MUST_NOT};

  private Queries() {}

  static Query read(In in) {
    char tag = in.tag();
    switch (tag) {
      case 'T':
        return new TermQuery(new Term(in.text(), in.raw()));
      case 'S':
        return synonyms(in);
      case 'P':
        return phrase(in);
      case 'X':
        return new PrefixQuery(new Term(in.text(), in.raw()));
      case 'B':
        return bool(in);
      case 'W':
        float weight = in.share();
        return new BoostQuery(read(in), weight);
      case 'C':
        return new ConstantScoreQuery(read(in));
      case 'A':
        return new MatchAllDocsQuery();
      default:
        throw new IllegalArgumentException("no node is written " + tag);
    }
  }

  private static Query synonyms(In in) {
    String field = in.text();
    SynonymQuery.Builder builder = new SynonymQuery.Builder(field);
    for (int left = in.number(); left > 0; left--) {
      float weight = in.share();
      builder.addTerm(new Term(field, in.raw()), weight);
    }
    return builder.build();
  }

  private static Query phrase(In in) {
    String field = in.text();
    MultiPhraseQuery.Builder builder = new MultiPhraseQuery.Builder().setSlop(in.number());
    for (int left = in.number(); left > 0; left--) {
      int place = in.number();
      Term[] terms = new Term[in.number()];
      for (int i = 0; i < terms.length; i++) terms[i] = new Term(field, in.raw());
      builder.add(terms, place);
    }
    return builder.build();
  }

  private static Query bool(In in) {
    BooleanQuery.Builder builder = new BooleanQuery.Builder();
    builder.setMinimumNumberShouldMatch(in.number());
    int[] several = new int[CLAUSES.length];
    for (int kind = 0; kind < several.length; kind++) several[kind] = in.number();
    for (int kind = 0; kind < several.length; kind++)
      for (int left = several[kind]; left > 0; left--) builder.add(read(in), CLAUSES[kind]);
    return builder.build();
  }
}
