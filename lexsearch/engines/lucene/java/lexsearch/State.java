package lexsearch;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.lucene.document.Document;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.PostingsEnum;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.search.FuzzyQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.QueryVisitor;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.util.Bits;
import org.apache.lucene.util.BytesRef;

/** One state of an index, and what was worked out for it. Threads share it. */
final class State {
  static final String ID = "id", CONTENTS = "contents", PASSAGES = "passages";

  final DirectoryReader reader;
  private final Columns columns = new Columns();
  private final Map<Long, IndexSearcher> searchers = new ConcurrentHashMap<>();

  State(DirectoryReader reader) {
    this.reader = reader;
  }

  private IndexSearcher searcher(float k1, float b) {
    long key = (long) Float.floatToIntBits(k1) << 32 | Float.floatToIntBits(b);
    IndexSearcher known = searchers.get(key);
    if (known != null) return known;
    IndexSearcher searcher = new IndexSearcher(reader);
    searcher.setSimilarity(new BM25Similarity(k1, b));
    searcher.setQueryCache(null); // columns are kept in its place
    searchers.put(key, searcher);
    return searcher;
  }

  /** k, k1, b and a tree; see Best.pack for what comes back. */
  byte[] search(In in) throws IOException {
    int k = Math.min(in.number(), reader.numDocs());
    float k1 = in.share(), b = in.share();
    IndexSearcher searcher = searcher(k1, b);
    Best best = new Best(k);
    char tag = in.tag();
    if (tag == 'Q') whole(searcher, Queries.read(in), best, k);
    else offer(new Planner(searcher, k1, b).read(tag, in), best);
    return best.pack(reader);
  }

  private void whole(IndexSearcher searcher, Query query, Best best, int k) throws IOException {
    if (k == 0) best.total = searcher.count(query);
    else searcher.search(query, best);
  }

  private void offer(Plan plan, Best best) {
    for (int from = 0; from < reader.maxDoc(); from += Plan.WINDOW) {
      plan.run(from);
      for (int word = 0; word < Plan.WORDS; word++)
        for (long left = plan.match[word]; left != 0; left &= left - 1) {
          int place = (word << 6) + Long.numberOfTrailingZeros(left);
          best.offer(from + place, plan.scores == null ? 0 : plan.scores[place]);
        }
    }
  }

  /** Makes plans of trees (see lexsearch/engines/lucene/wire.py). */
  private final class Planner {
    private final IndexSearcher searcher;
    private final float k1, b;

    Planner(IndexSearcher searcher, float k1, float b) {
      this.searcher = searcher;
      this.k1 = k1;
      this.b = b;
    }

    Plan read(char tag, In in) throws IOException {
      switch (tag) {
        case 'L':
        case 'K':
          return new Plan.Leaf(columns.of(searcher, k1, b, in.raw(), true), tag == 'L');
        case 'M':
          return new Plan.Leaf(columns.of(searcher, k1, b, in.raw(), false), false);
        case 'R':
        case 'W':
          float slope = in.share(), intercept = in.share();
          return new Plan.Line(read(in.tag(), in), tag == 'R', slope, intercept);
        case 'B':
        case 'N':
          return bool(in, tag == 'B');
        default:
          throw new IllegalArgumentException("no plan is written " + tag);
      }
    }

    private Plan bool(In in, boolean scored) throws IOException {
      int least = in.number();
      Plan[][] clauses = new Plan[4][];
      for (int kind = 0; kind < clauses.length; kind++) clauses[kind] = new Plan[in.number()];
      for (Plan[] each : clauses) for (int i = 0; i < each.length; i++) each[i] = read(in.tag(), in);
      return new Plan.Bool(clauses, least, scored);
    }
  }

  /** Fields and terms; how many documents have each, and of an empty term, have the field. */
  byte[] frequencies(In in) throws IOException {
    Out out = new Out();
    while (in.more()) {
      String field = in.text();
      BytesRef term = in.raw();
      out.number(term.length == 0 ? reader.getDocCount(field) : reader.docFreq(new Term(field, term)));
    }
    return out.bytes();
  }

  /** Terms of a field that are at most so many letters off, each behind how many documents have it. */
  byte[] similar(In in) throws IOException {
    int most = in.number();
    Term term = new Term(in.text(), in.raw());
    List<Term> near = new ArrayList<>();
    new FuzzyQuery(term, most)
        .rewrite(searcher(1, 0))
        .visit(
            new QueryVisitor() {
              @Override
              public void consumeTerms(Query query, Term... terms) {
                for (Term one : terms) near.add(one);
              }
            });
    Out out = new Out().number(near.size());
    for (Term one : near) out.number(reader.docFreq(one)).text(one.text());
    return out.bytes();
  }

  /** Ids; passages and contents of each, and of an unknown one two empty texts. */
  byte[] stored(In in) throws IOException {
    Out out = new Out();
    StoredFields fields = reader.storedFields();
    Set<String> wanted = Set.of(PASSAGES, CONTENTS);
    while (in.more()) {
      int doc = place(in.raw());
      if (doc < 0) {
        out.number(0).number(0);
        continue;
      }
      Document document = fields.document(doc, wanted);
      out.text(document.get(PASSAGES)).text(document.get(CONTENTS));
    }
    return out.bytes();
  }

  /** Lucene's number of a document; -1 where there is none. */
  private int place(BytesRef id) throws IOException {
    Term term = new Term(ID, id);
    for (LeafReaderContext leaf : reader.leaves()) {
      LeafReader segment = leaf.reader();
      PostingsEnum found = segment.postings(term, PostingsEnum.NONE);
      if (found == null) continue;
      Bits live = segment.getLiveDocs();
      for (int doc = found.nextDoc(); doc != DocIdSetIterator.NO_MORE_DOCS; doc = found.nextDoc())
        if (live == null || live.get(doc)) return leaf.docBase + doc;
    }
    return -1;
  }
}
